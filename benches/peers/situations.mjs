// The rows of the README's table: cells of the native bench's subset, and how many at once the user of the peers has configured.

export const situations = [
  { title: "4 slots; 4 at once", cell: "cap 4, N 100", k: 4 },
  { title: "16 slots; 4, as guides advise", cell: "cap 16, N 160", k: 4 },
  { title: "16 slots; 16", cell: "cap 16, N 160", k: 16 },
  { title: "4 slots; 16, a wrong guess", cell: "cap 4, N 100", k: 16 },
  { title: "16 slots, for 90 s only 4; 16", cell: "cap 16, 4 at 60 s, 16 at 150 s, N 300", k: 16 },
  { title: "60 a minute, no hint; 64", cell: "cap 64 and 60/min, no hint, N 360", k: 64 },
  { title: "60 a minute, Retry-After; 64", cell: "cap 64 and 60/min, Retry-After, N 360", k: 64 },
  { title: "40 a minute, refusals count; 16", cell: "cap 16 and 40/min, refusals count, N 240", k: 16 },
  { title: "16 slots for two clients; 16 each", cell: "two clients on cap 16, N 200 each", k: 16 },
  {
    title: "16 slots, 3 % of 503 and of lost answers; 16",
    cell: "cap 16, N 160, 3 % of 503 and of lost answers",
    k: 16,
  },
  { title: "pictures for answers, 16 slots; 4", cell: "synchronous, cap 16, N 160, refuses after 0.3 s", k: 4 },
];
