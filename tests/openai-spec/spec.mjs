// OpenAI's description of its API as a judge of requests and answers. It is read more strictly than it is written: a field that a schema doesn't name is an error.
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import addFormats from "ajv-formats";

const description = JSON.parse(readFileSync(new URL("../specs/openai.json", import.meta.url), "utf8"));
const [{ url: base }] = description.servers;

/** The same schema, with every object closed that says nothing about further fields, and with its type where only its fields are named. */
const closed = (schema) => {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, closed(part)]));
  return "properties" in schema ? { type: "object", additionalProperties: false, ...copy } : copy;
};

const judge = (options) => {
  const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true, ...options });
  addFormats(ajv);
  // OpenAPI's own words. `discriminator` only says which of several schemas is meant, and those are tried in turn.
  ajv.addVocabulary(["discriminator"]);
  ajv.addFormat("unixtime", { type: "number", validate: Number.isSafeInteger });
  // In JSON no value is a file.
  ajv.addFormat("binary", { validate: () => false });
  ajv.addKeyword({ keyword: "isFile", validate: (_, value) => value instanceof File });
  return ajv;
};

const components = JSON.stringify(closed(description.components.schemas)).replaceAll(
  "#/components/schemas/",
  "#/$defs/",
);
const asJson = judge().addSchema({ $id: "openai", $defs: JSON.parse(components) });
// Of a form every value is text or a file: numbers are read from the text, and a file is what has `format: binary`.
const files = components.replaceAll('"type":"string","format":"binary"', '"isFile":true');
const asForm = judge({ coerceTypes: true }).addSchema({ $id: "openai", $defs: JSON.parse(files) });

const problemsOf = (ajv, { $ref }, value) => {
  const name = $ref.slice($ref.lastIndexOf("/") + 1);
  const validate = ajv.getSchema(`openai#/$defs/${name}`);
  if (validate(value)) return [];
  return validate.errors.map(({ instancePath, params, message }) => {
    const field = params.additionalProperty ?? params.missingProperty;
    return `${name}${instancePath}${field === undefined ? "" : `/${field}`} ${message}`;
  });
};

const mediaTypeOf = (message) => message.headers.get("content-type")?.split(";")[0].trim();

/** A form as an object. `image[]` is how OpenAI's documents and clients write each element of the array `image`; a plain name stands once. */
const readForm = (form, problems) => {
  const fields = {};
  for (const [name, value] of form) {
    if (value === "") problems.push(`${name} is empty`);
    if (value instanceof File && !(value.name.includes(".") && /^image\/(png|jpeg|webp)$/.test(value.type)))
      problems.push(`${name} is a file of type "${value.type}" named "${value.name}"`);
    if (name.endsWith("[]")) (fields[name.slice(0, -2)] ??= []).push(value);
    else if (name in fields) problems.push(`${name} stands twice`);
    else fields[name] = value;
  }
  return fields;
};

/** What OpenAI's description has against a request; its address begins with `baseURL`, which stands for OpenAI's own. */
export async function problemsOfRequest(request, baseURL = base) {
  const { href, search, pathname } = new URL(request.url);
  if (search !== "") return [`${pathname} has no query`];
  const operation = href.startsWith(`${baseURL}/`) && description.paths[href.slice(baseURL.length)];
  const { requestBody: wanted } = (operation && operation[request.method.toLowerCase()]) || {};
  if (!operation?.[request.method.toLowerCase()]) return [`there is no ${request.method} ${href}`];
  if (!wanted) return request.body === null ? [] : [`${request.method} ${pathname} has no body`];
  const type = mediaTypeOf(request);
  const { schema } = wanted.content[type] ?? {};
  if (!schema) return [`${pathname} does not take ${type}`];
  const copy = request.clone();
  if (type !== "multipart/form-data") return problemsOf(asJson, schema, await copy.json());
  const problems = [];
  const fields = readForm(await copy.formData(), problems);
  return [...problems, ...problemsOf(asForm, schema, fields)];
}

/** What OpenAI's description has against an answer to such a request. */
export async function problemsOfResponse(method, path, response) {
  const responses = description.paths[path]?.[method.toLowerCase()]?.responses;
  if (!responses) return [`there is no ${method} ${path}`];
  const { content } = responses[response.status] ?? responses.default;
  const type = mediaTypeOf(response);
  if (!content[type]) return [`${response.status} of ${path} is no ${type}`];
  return problemsOf(asJson, content[type].schema, await response.clone().json());
}
