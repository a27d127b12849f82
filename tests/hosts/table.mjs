// What ran, as the README shows it: a line a host. A row's name is "HOST, WAY".

const partsOf = (name) => {
  const at = name.indexOf(", ");
  return at < 0 ? [name, "an image"] : [name.slice(0, at), name.slice(at + 2)];
};

/** Markdown. Times are left out: they differ from run to run, and the table is in the README. */
export function tableOf(results) {
  const hosts = new Map();
  for (const { name, version } of results) {
    const [host, way] = partsOf(name);
    const { ways } = hosts.get(host) ?? hosts.set(host, { version, ways: [] }).get(host);
    ways.push(way);
  }
  const lines = [...hosts].map(([host, { version, ways }]) => `| ${host} | ${version} | ${ways.join(", ")} |\n`);
  return `| host | version | tried as |\n|---|---|---|\n${lines.join("")}`;
}
