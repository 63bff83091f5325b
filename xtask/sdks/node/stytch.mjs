// Drives the official `stytch` package, as it comes, through both families of clients.
//
// The package passes answers through unread, so the fields that its types promise are checked here.

import { inspect } from "node:util";
import stytch from "stytch";
import {
  about, cutScore, Emulator, expect, find, kind, MARK, operation, outcome, score, stillWaiting, throws, TIMEOUT, times,
  watched, written,
} from "./driver.mjs";

const { Client, StytchError } = stytch;

const M2M = ["client_id", "client_name", "client_description", "status", "scopes", "client_secret_last_four"];
const APP = [
  "client_id", "client_name", "client_description", "status", "client_type", "full_access_allowed", "redirect_urls",
  "post_logout_redirect_urls", "access_token_expiry_minutes", "access_token_template_content",
  "id_token_template_content", "bypass_consent_for_offline_access", "client_secret_last_four",
];

const emulator = await Emulator.connect();
const vendor = emulator.vendor("stytch");
about("stytch", ["undici", "jose"]);

const quiet = console.warn;
console.warn = () => {}; // says once per client that this is a custom base URL
const root = connect(vendor.secret);
const stranger = connect("secret-test-wrong");
const hurried = connect(vendor.secret, { timeout: TIMEOUT });
console.warn = quiet;

function connect(secret, more = {}) {
  return new Client({ project_id: vendor.project_id, secret, env: vendor.base_url + "/", ...more });
}

/** Everything that a search finds, two at a time. */
async function pages(search, name) {
  const found = [];
  for (let cursor; cursor !== null; ) {
    const answer = await search({ limit: 2, cursor });
    found.push(...answer[name]);
    cursor = answer.results_metadata.next_cursor;
    expect(cursor !== undefined, "next_cursor is missing");
    if (cursor === null) expect(answer.results_metadata.total === found.length, "the total is another one");
  }
  return found;
}

const m2m = {
  subject: "m2m",
  prefix: "m2m_client",
  fields: M2M,
  unknown: "m2m-client-test-00000000-0000-4000-8000-000000000000",
  clients: (from) => from.m2m.clients,
  of: (answer) => answer.m2m_client,
  create: () => root.m2m.clients.create({ scopes: ["read:reports"], client_name: "Driver" }),
  all: () => pages((page) => root.m2m.clients.search(page), "m2m_clients"),
  found: async (id) => {
    const query = { operator: "AND", operands: [{ filter_name: "client_id", filter_value: [id] }] };
    return (await root.m2m.clients.search({ query })).m2m_clients;
  },
  accepts: async (client_id, client_secret) => {
    const [how, what] = await outcome(() => root.m2m.token({ client_id, client_secret }));
    if (how === "threw") {
      expect(what instanceof StytchError && what.error_type === "invalid_client", "a refusal is no invalid_client");
      return false;
    }
    expect(what.access_token && what.token_type === "bearer" && what.expires_in > 0, "the token lacks fields");
    const claims = await root.m2m.authenticateToken({ access_token: what.access_token });
    expect(claims.client_id === client_id, "the client does not accept the token it was given");
    return true;
  },
};

const connectedApp = {
  subject: "connected_app",
  prefix: "connected_app",
  fields: APP,
  unknown: "connected-app-test-00000000-0000-4000-8000-000000000000",
  clients: (from) => from.connectedApp.clients,
  of: (answer) => answer.connected_app,
  create: () =>
    root.connectedApp.clients.create({
      client_type: "first_party", client_name: "Driver", redirect_urls: ["https://app.example.com/back"],
    }),
  all: () => pages((page) => root.connectedApp.clients.search(page), "connected_apps"),
  found: async (id) => (await connectedApp.all()).filter((app) => app.client_id === id),
  accepts: async (client_id, client_secret) => {
    const call = () => root.idp.introspectTokenNetwork({ token: "made-up", client_id, client_secret });
    const [how, what] = await outcome(call);
    // Both end in token_invalid; only a refused secret has the vendor's error as its cause.
    expect(how === "threw" && what.code === "token_invalid", "a made-up token counts as active");
    const cause = what.cause;
    expect(!(cause instanceof StytchError) || cause.error_type === "invalid_client", "a refusal is no invalid_client");
    return !(cause instanceof StytchError);
  },
};

for (const family of [m2m, connectedApp]) {
  await rotation(family);
  await scores(family);
}

/** One client's life: made, read, rotated twice, deleted. */
async function rotation(family) {
  const clients = family.clients(root);
  const { secrets } = clients;
  let client_id, current, pending;

  function shape(answer, current, pending) {
    expect(answer.status_code === 200 && answer.request_id, "the envelope lacks fields");
    const client = family.of(answer);
    for (const field of family.fields) expect(client?.[field] !== undefined, `${field} is missing`);
    expect(client.client_secret_last_four === current.slice(-4), "the last four of the current secret are wrong");
    const wanted = pending ? pending.slice(-4) : null;
    expect(client.next_client_secret_last_four === wanted, "the last four of the pending secret are wrong");
    return client;
  }

  async function accepted(secret, wanted, which) {
    const isAccepted = await family.accepts(client_id, secret);
    expect(isAccepted === wanted, `the ${which} secret is ${isAccepted ? "accepted" : "refused"}`);
  }

  async function refused(call, status, type) {
    const error = await throws(StytchError, call, "nothing was refused");
    expect(error.error_type === type, "the error type is another one");
    expect(error.status_code === status && error.request_id && error.error_url, "the error lacks fields");
  }

  const run = (name, call) => operation(family.subject, name, call);
  await run("create", async () => {
    const answer = await family.create();
    ({ client_id, client_secret: current } = family.of(answer));
    expect(client_id && current, "the answer lacks the credentials");
    expect(shape(answer, current).client_name === "Driver", "the name is another one");
  });
  await run("get", async () => {
    const client = shape(await clients.get({ client_id }), current);
    expect(client.client_id === client_id && client.client_name === "Driver", "another client came back");
    const method = family === connectedApp ? client.creation_method : "none";
    expect(method !== undefined, "creation_method is missing");
  });
  await run("search", async () => {
    expect((await family.found(client_id)).length === 1, "the client is not found");
    await family.create();
    expect((await family.all()).length >= 3, "the pages lack clients");
  });
  await run("update", async () => {
    const answer = await clients.update({ client_id, client_name: "Renamed", client_description: "By driver" });
    const client = shape(answer, current);
    expect(client.client_name === "Renamed" && client.client_description === "By driver", "nothing changed");
  });
  await run("verify", async () => {
    await accepted(current, true, "current");
    await accepted("made-up-secret-0123", false, "made-up");
  });
  await run("start", async () => {
    const answer = await secrets.rotateStart({ client_id });
    pending = family.of(answer)?.next_client_secret;
    expect(pending && pending !== current, "the answer lacks the new secret");
    shape(answer, current, pending);
    await accepted(current, true, "old");
    await accepted(pending, true, "new");
    shape(await clients.get({ client_id }), current, pending);
  });
  await run("start_twice", async () => {
    await refused(() => secrets.rotateStart({ client_id }), 400, `${family.prefix}_already_rotating_secret`);
    await accepted(pending, true, "pending");
  });
  await run("cancel", async () => {
    shape(await secrets.rotateCancel({ client_id }), current);
    await accepted(current, true, "old");
    await accepted(pending, false, "cancelled");
  });
  const idle = `${family.prefix}_not_rotating_secret`;
  await run("cancel_idle", () => refused(() => secrets.rotateCancel({ client_id }), 400, idle));
  await run("commit", async () => {
    pending = family.of(await secrets.rotateStart({ client_id })).next_client_secret;
    shape(await secrets.rotate({ client_id }), pending);
    await accepted(current, false, "old");
    await accepted(pending, true, "new");
    current = pending;
  });
  await run("commit_idle", () => refused(() => secrets.rotate({ client_id }), 400, idle));
  const missing = `${family.prefix}_not_found`;
  await run("unknown_client", () => refused(() => secrets.rotateStart({ client_id: family.unknown }), 404, missing));
  const wrong = family.clients(stranger).secrets;
  await run("wrong_credentials", () =>
    refused(() => wrong.rotateStart({ client_id }), 401, "unauthorized_credentials"));
  await run("delete", async () => {
    expect((await clients.delete({ client_id })).client_id === client_id, "another client was deleted");
    await refused(() => clients.get({ client_id }), 404, missing);
    await accepted(current, false, "deleted client's");
  });
}

/** What becomes of a secret when the wire is unkind. */
async function scores(family) {
  const { subject } = family;
  const { cut, fields } = emulator.all.answers[subject];
  const { client_id } = family.of(await family.create());
  const start = () => family.clients(root).secrets.rotateStart({ client_id });
  const again = () => outcome(() => family.clients(root).secrets.rotateCancel({ client_id }));
  const fault = (kind) => `stytch.${subject}.start#1=${kind}`;

  await emulator.behave("stytch.whitespace", "compact");
  await emulator.behave("stytch.unknown_fields", "absent");
  cutScore(subject, ...(await emulator.during(fault(`cut_body:${cut}`), () => outcome(start))));
  await again();
  await emulator.behave("stytch.whitespace", "odd");
  await emulator.behave("stytch.unknown_fields", "present");

  let reached = 0;
  for (const field of fields) {
    const [how, what] = await emulator.during(fault(`drop_field:${field}`), () => outcome(start));
    if (how === "returned" && find(what, MARK)) reached += 1;
    await again();
  }
  score(subject, "drop_field", reached === fields.length, `in the answer for ${reached} of ${fields.length} fields`);

  const silent = await emulator.during(fault("hold_answer"), async () => {
    const { secrets } = family.clients(hurried);
    return watched(() => secrets.rotateStart({ client_id }));
  });
  await silent.what;
  const ended = silent.how === "silent" ? stillWaiting() : `${silent.how} after ${silent.took} s`;
  score(subject, "hold_answer", silent.how === "threw", `option timeout: ${TIMEOUT} ms; ${ended}`);
  await again();

  const answer = await start();
  const shown = inspect(answer, { depth: null }).includes(MARK);
  const basic = Buffer.from(`${vendor.project_id}:${vendor.secret}`).toString("base64");
  const credential = inspect(root, { depth: null }).includes(basic);
  const observed = `inspect() of the answer ${shown ? "shows" : "does not show"} it`;
  const more = credential ? "; inspect() of the client shows the project's credentials in base64" : "";
  score(subject, "repr", !shown && !credential, observed + more);
  await again();

  const text = await written(start);
  score(subject, "log", !text.includes(MARK), text ? "it writes, without the secret" : "it writes nothing");
  await again();

  const before = await emulator.seen(`${subject}.start`);
  const [how, what] = await emulator.during(fault("lose_answer"), () => outcome(start));
  const sent = (await emulator.seen(`${subject}.start`)) - before;
  score(subject, "lose_answer", sent === 1 && how === "threw", `${how} ${kind(what)}; sent ${times(sent)}`);
  await again();
}
