// Packs this folder as kes-respond.mcpb beside it, and writes the entry for the
// registry beside that: server.json, with the SHA-256 of the bundle in it.
//
//   node pack.mjs PATH-TO-MCPB
//
// PATH-TO-MCPB is the program mcpb of the npm package @anthropic-ai/mcpb.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const mcpb = process.argv[2];
if (!mcpb) {
  console.error("usage: node pack.mjs PATH-TO-MCPB");
  process.exit(64);
}
const here = dirname(fileURLToPath(import.meta.url));
const beside = resolve(here, "..");
const room = mkdtempSync(join(tmpdir(), "mcpb-"));
try {
  const inside = join(room, "bundle");
  // Nothing else that may lie here by now, such as what npm has installed.
  for (const name of ["README.md", "manifest.json", "server"]) cpSync(join(here, name), join(inside, name), { recursive: true });
  execFileSync(mcpb, ["pack", inside, join(room, "kes-respond.mcpb")], { stdio: ["ignore", "ignore", "inherit"] });
  const bundle = join(beside, "kes-respond.mcpb");
  copyFileSync(join(room, "kes-respond.mcpb"), bundle);
  const entry = JSON.parse(readFileSync(join(here, "server.json"), "utf8"));
  entry.packages[0].fileSha256 = createHash("sha256").update(readFileSync(bundle)).digest("hex");
  writeFileSync(join(beside, "server.json"), JSON.stringify(entry, null, 2) + "\n");
  console.log(`${bundle}\n${join(beside, "server.json")}`);
} finally {
  rmSync(room, { recursive: true });
}
