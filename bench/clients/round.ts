// A lab's round by the TypeScript client that openapi-ts made of the document: send, and read every list.
// node built/round.js ADDRESS TOKEN

import assert from "node:assert/strict";
import { client } from "./generated/client.gen.js";
import * as api from "./generated/index.js";

const [address, token] = process.argv.slice(2);
const mark = crypto.randomUUID().slice(0, 8);
const release = "6.18.44";
const ktap = "KTAP version 1\n1..1\nok 1 mm: migration\n";
const log =
  "[<0>] folio_wait_writeback+0x2b/0x80\n[<0>] migrate_pages_batch+0x5e2/0xba0\n[<0>] offline_pages+0x4b2/0x750\n";
client.setConfig({ baseUrl: address, auth: () => token, throwOnError: true });

function native(run_id: string): api.NativeReport {
  return {
    format: "unmigratable-report",
    version: 1,
    run_id,
    kernel: { release, architecture: "x86_64" },
    environment: "guest",
    runs: [
      {
        case: "fuse-writeback",
        mover: "compaction",
        area: "migrate_movable",
        outcome: "hangs",
        control: { nr_pages: 16, nr_moved: 16 },
        target: { nr_pages: 16, nr_moved_while_held: 0, nr_moved_after_release: 16 },
        attempt: { returned: false },
      },
    ],
  };
}

async function good<T>(call: Promise<{ data: T; error?: unknown }>): Promise<NonNullable<T>> {
  const { data, error } = await call;
  assert.equal(error, undefined, JSON.stringify(error));
  assert.ok(data);
  return data;
}

const who = await good(api.whoami());
assert.equal(who.machine, "bench");
const taken = await good(api.sendReport({ body: native(`${mark}-native`) }));
assert.ok("url" in taken);
const again = await good(api.sendReport({ body: native(`${mark}-native`) }));
assert.ok("url" in again && again.id === taken.id);
const wrapped = { format: "ktap", run_id: `${mark}-batch2`, kernel: release, architecture: "x86_64", body: ktap };
const lines = [native(`${mark}-batch1`), wrapped].map((line) => JSON.stringify(line)).join("\n");
const batch = await good(api.sendBatch({ body: new Blob([lines]) }));
assert.deepEqual(batch.results.map((line) => line.status), [202, 202]);
const query = { kernel: release, architecture: "x86_64" };
await good(api.sendKtap({ body: new Blob([ktap]), query, headers: { "Run-Id": `${mark}-ktap` } }));
await good(api.sendKernelLog({ body: new Blob([log]), query, headers: { "Run-Id": `${mark}-log` } }));

let receipt = await good(api.report({ path: { report: taken.id } }));
for (let tries = 0; receipt.state !== "settled" && tries < 120; tries++) {
  await new Promise((resolve) => setTimeout(resolve, 500));
  receipt = await good(api.report({ path: { report: taken.id } }));
}
assert.equal(receipt.evidence?.[0]?.case, "fuse-writeback");

await good(api.sayOfCase({ path: { slug: "fuse-writeback" }, body: { text: `Seen by ${mark}.` } }));
const name = `board-${mark}`;
const added = await good(api.addMachine({ body: { name, days: 30 } }));
assert.deepEqual(added.token.scopes, ["submit"]);
const path = { name, token: added.token.token };
const renewed = await good(api.rotateToken({ path }));
const wider = await api.makeToken({ path: { name }, body: { scopes: ["machines"] }, throwOnError: false });
assert.equal(wider.response.status, 403);
const more = await good(api.makeToken({ path: { name }, body: { scopes: ["submit"] } }));
assert.equal((await good(api.revokeToken({ path }))).opens, false);
const board = await good(api.sendReport({ body: native(`${mark}-board`), auth: () => renewed.secret }));
assert.ok("url" in board && board.machine === name);
assert.equal((await good(api.machine({ path: { name } }))).machine, name);
const tokens = (await good(api.tokens({ path: { name } }))).results;
assert.deepEqual(tokens.map((one) => one.token), [more.token.token, renewed.token.token, added.token.token]);
assert.equal(tokens[2]!.opens, false);

let page = await good(api.reports({ query: { kernel: release, limit: 2 } }));
let reports = page.results.length;
while (page.next) {
  const cursor = new URL(page.next).searchParams.get("cursor")!;
  page = await good(api.reports({ query: { kernel: release, limit: 2, cursor } }));
  reports += page.results.length;
}
assert.ok(reports >= 5);
const diagnosis = await good(api.diagnose({ body: new Blob([log]) }));
assert.ok(diagnosis.findings.length);
const found = {
  reports,
  cases: (await good(api.cases())).results.length,
  evidence: (await good(api.caseEvidence({ path: { slug: "fuse-writeback" }, query: { outcome: "hangs" } }))).results.length,
  comments: (await good(api.caseComments({ path: { slug: "fuse-writeback" } }))).results.length,
  strategies: (await good(api.strategies())).results.length,
  kernels: (await good(api.kernels())).results.length,
  affected: (await good(api.affected({ query: { kernel: release } }))).results.length,
  events: (await good(api.events())).results.length,
  machines: (await good(api.machines())).results.length,
  compared: (await good(api.compare({ query: { a: release, b: release } }))).results.length,
};
await good(api.case_({ path: { slug: "fuse-writeback" } }));
await good(api.kernel({ path: { release } }));
console.log("typescript:", JSON.stringify(found));
