// Rows as they stand in the files, with their placeholders filled in. The native twin is rows.rs.
import { readdirSync, readFileSync } from "node:fs";

const here = new URL("./", import.meta.url);
const read = (name) => readFileSync(new URL(name, here));

/** The base64 of one is so short that the core reads it; that of the other stays on this side. */
export const pictures = ["small.png", "large.png"].map((name) => new Uint8Array(read(name)));

/** All rows of all files beside this one. */
export const rows = readdirSync(here)
  .filter((name) => name.endsWith(".jsonl"))
  .sort()
  .flatMap((name) => read(name).toString().split("\n").filter(Boolean))
  .map((line) => JSON.parse(line));

/** The demands that this runner marks as failing: a list holds for both runners, an object has a list for each. */
export const failsToday = ({ fails_today: mark = [] }) =>
  [...(Array.isArray(mark) ? mark : (mark.package ?? []))].sort();

/** Whether a picture stands in a text of the row, so that its size may matter. */
export const hasPictureInText = ({ exchange }) => JSON.stringify(exchange).includes("<png");

const encode = (bytes) => Buffer.from(bytes).toString("base64");
const forms = [
  [/<now\+(\d+) ms>/g, (at) => String(at)],
  [/<now\+(\d+)>/g, (at) => String(Math.floor(at / 1_000))],
  [/<date\+(\d+)>/g, (at) => new Date(at).toUTCString()],
];

/** A text with its placeholders filled in; those of pictures hold within JSON. */
export const fill = (text, picture) => {
  const base64 = encode(picture);
  let filled = text
    .replaceAll("<png>", base64)
    .replaceAll("<png as base64url, no padding>", Buffer.from(picture).toString("base64url"))
    .replaceAll("<png in lines>", base64.match(/.{1,76}/g).join("\\r\\n"))
    .replaceAll("<png padded inside>", encode(picture.subarray(0, 31)) + encode(picture.subarray(31)));
  for (const [form, write] of forms)
    filled = filled.replace(form, (_, seconds) => write(Date.now() + Number(seconds) * 1_000));
  return filled;
};
