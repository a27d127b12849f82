// The program of a page whose policy forbids WebAssembly: one error, typed and clear, at once, and nothing sent.

export default async function forbidden({ createClient, hiapi, CoreCrashedError }, { apiKey, baseURL, prompt }) {
  const client = createClient({
    providers: hiapi({ apiKey, baseURL }),
    dangerouslyAllowBrowser: true,
    logLevel: "off",
  });
  try {
    await client.generate({ model: "gpt-image-2", prompt });
  } catch (error) {
    if (!CoreCrashedError.is(error)) throw error;
    const { code, billed, message } = error;
    return { code, billed, message };
  }
  throw new Error("an image came, though the page's policy forbids WebAssembly");
}
