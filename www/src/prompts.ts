/** What the form starts with. */
export const prompts: readonly string[] = [
  "A lighthouse in the blue hour",
  "Paper boats in a flooded library",
  "Low tide in a harbour of glass",
  "Whale song in copper ribbons",
  "Terraces of kelp at sunrise",
  "Snow falling on a warm black sea",
  "The gate between two oceans",
  "Lantern market on the sandbanks",
];
