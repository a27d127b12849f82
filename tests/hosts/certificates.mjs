// Certificates for servers on 127.0.0.1, made anew by openssl: good ones, and one of each kind that a client must refuse.
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** `openssl ca` alone can set a validity that lies in the past in every version of OpenSSL 3. */
const CONFIG = `
[req]
prompt = no
distinguished_name = name
[name]
commonName = tidegate test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[ca]
default_ca = issuing
[issuing]
new_certs_dir = .
database = index.txt
rand_serial = yes
unique_subject = no
default_md = sha256
policy = anything
copy_extensions = copy
[anything]
commonName = supplied
`;
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const HERE = "subjectAltName = IP:127.0.0.1, DNS:localhost";
const ELSEWHERE = "subjectAltName = DNS:elsewhere.invalid";

/**
 * Makes two authorities, of which hosts are told to trust the first, and the certificates of some servers.
 *
 * @param {string} folder an empty one
 * @returns by name `{ key, cert }` for `node:tls`, and `authority`, the path of the trusted authority's certificate
 */
export async function makeCertificates(folder) {
  const openssl = (...words) => execute("openssl", words, { cwd: folder });
  await writeFile(join(folder, "config"), CONFIG);
  await writeFile(join(folder, "index.txt"), "");
  const authority = (name) =>
    openssl(
      ...["req", "-x509", ...KEY, "-config", "config", "-extensions", "authority", "-days", "2"],
      ...["-subj", `/CN=tidegate test authority ${name}`, "-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  const server = async (name, issuer, names, validity) => {
    await openssl(
      ...["req", ...KEY, "-config", "config", "-subj", `/CN=${name}`, "-addext", names],
      ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    await openssl(
      ...["ca", "-batch", "-notext", "-config", "config", "-cert", `${issuer}.pem`, "-keyfile", `${issuer}.key`],
      ...[...validity, "-in", `${name}.csr`, "-out", `${name}.pem`],
    );
  };
  const [VALID, PAST] = [
    ["-days", "2"],
    ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"],
  ];
  await authority("trusted");
  await authority("unknown");
  await server("good", "trusted", HERE, VALID);
  await server("expired", "trusted", HERE, PAST);
  await server("wrong-name", "trusted", ELSEWHERE, VALID);
  await server("unknown-issuer", "unknown", HERE, VALID);
  await openssl(
    ...["req", "-x509", ...KEY, "-config", "config", "-days", "2", "-subj", "/CN=self-signed", "-addext", HERE],
    ...["-keyout", "self-signed.key", "-out", "self-signed.pem"],
  );
  const read = (name) => readFile(join(folder, name), "utf8");
  const pair = async (name) => ({ key: await read(`${name}.key`), cert: await read(`${name}.pem`) });
  const unknownIssuer = await pair("unknown-issuer");
  return {
    authority: join(folder, "trusted.pem"),
    good: await pair("good"),
    selfSigned: await pair("self-signed"),
    expired: await pair("expired"),
    wrongName: await pair("wrong-name"),
    unknownIssuer,
    // As a company's proxy sends it: with its own authority, which no host knows.
    proxied: { ...unknownIssuer, cert: unknownIssuer.cert + (await read("unknown.pem")) },
  };
}
