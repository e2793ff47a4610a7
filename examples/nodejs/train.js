// node train.js HOST PORT DIR ROUNDS EPOCHS H ETA: trains as client.py does, over nothing but stock Thrift.
// Ctrl-C leaves the run alone; `client.py cancel` ends it. The exit codes are those of client.py.
'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const [DONE, FAILED, USAGE, UNREACHABLE] = [0, 1, 2, 3];

/** What `npm install` brings and makes; without it there is one line that says so. */
function installed(name) {
  try {
    return require(name);
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') {
      throw error;
    }
    console.error(`train.js: ${name} is not here; run \`npm install\` in ${__dirname}`);
    process.exit(FAILED);
  }
}

const thrift = installed('thrift');
const Coordinator = installed('./gen-nodejs/Coordinator');
const types = installed('./gen-nodejs/trainer_types');

const PROTOCOL = 1;
const PART_BYTES = 4 << 20; // what one message carries of a file or a model
const WAIT_MS = 10_000; // how long the coordinator may hold back the answer to `watch`
const ENDED = new Set(['completed', 'failed', 'cancelled']);

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The files of a folder in the order of their numbers, the validation file last. */
function findData(folder) {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const number = (name) => Number(/(\d+)\.txt$/.exec(name)[1]);
  const shards = names.filter((name) => /^train_.*\d\.txt$/.test(name)).sort((a, b) => number(a) - number(b));
  const validation = names.filter((name) => /^validate_.*\.txt$/.test(name));
  if (!shards.length || validation.length !== 1) {
    throw new Error(`${folder}: needs train_<name><N>.txt files and one validate_<name>.txt`);
  }
  return [...shards, validation[0]].map((name) => path.join(folder, name));
}

/** Make the coordinator hold a file; it says how much of it it has, so that nothing is sent twice. */
async function send(client, file) {
  const bytes = fs.readFileSync(file);
  const blob = `sha256:${sha256(bytes)}`;
  let have = Number((await client.put_blob(blob, bytes.length, 0, Buffer.alloc(0))).have);
  while (have < bytes.length) {
    const part = bytes.subarray(have, have + PART_BYTES);
    have = Number((await client.put_blob(blob, bytes.length, have, part)).have);
  }
  return new types.DataFile({ file: path.basename(file), blob, size: bytes.length });
}

/** Follow a run to its end, and return how it stands then. */
async function watch(client, run) {
  let after = 0;
  for (;;) {
    const news = await client.watch(run, after, WAIT_MS);
    for (const event of news.events) {
      if (event.kind === 'round done') {
        console.error(`round ${event.round} of ${news.row.rounds}: ${event.message}`);
      }
    }
    if (ENDED.has(news.row.state) && !news.events.length) {
      return news.row;
    }
    after = news.last;
  }
}

/** The bytes of a model; throws if they are not those that the run made. */
async function fetchModel(client, run) {
  const parts = [];
  for (let have = 0; have < Number(run.model_bytes); have += parts.at(-1).length) {
    const rest = Number(run.model_bytes) - have;
    parts.push(await client.get_blob(run.model, have, Math.min(PART_BYTES, rest)));
  }
  const model = Buffer.concat(parts);
  if (sha256(model) !== run.model_sha256) {
    throw new Error(`the model arrived damaged: its SHA-256 is not ${run.model_sha256}`);
  }
  return model;
}

async function train(client, folder, [rounds, epochs, h, eta]) {
  await client.hello(new types.Hello({ protocol: PROTOCOL, role: 'client', connection: 'client' }));
  const files = [];
  for (const file of findData(folder)) {
    files.push(await send(client, file));
  }
  const validation = files.pop();
  const name = path.basename(path.resolve(folder));
  const spec = new types.RunSpec({ name, shards: files, validation, rounds, epochs, hidden: [h], eta });
  const id = await client.submit_run(spec);
  const row = await watch(client, id);
  if (row.state !== 'completed') {
    throw new Error(`${id} ${row.state}: ${row.reason}`);
  }
  const { run } = await client.get_work(id);
  const model = await fetchModel(client, run);
  console.log(`final validation error: ${row.validation_error.toFixed(4)}`);
  console.log(`model sha256: ${sha256(model)}`);
}

async function main([host, port, folder, ...numbers]) {
  if (numbers.length !== 4) {
    console.error('usage: node train.js HOST PORT DIR ROUNDS EPOCHS H ETA');
    return USAGE;
  }
  const options = { transport: thrift.TFramedTransport, protocol: thrift.TBinaryProtocol };
  const connection = thrift.createConnection(host, Number(port), options);
  const lost = new Promise((_, reject) => {
    connection.on('error', (error) => reject(Object.assign(error, { isOfConnection: true })));
    connection.on('close', () => reject(new Error('the coordinator has gone')));
  });
  try {
    await Promise.race([train(thrift.createClient(Coordinator, connection), folder, numbers.map(Number)), lost]);
    return DONE;
  } catch (error) {
    if (error.isOfConnection) {
      console.error(`train.js: nobody serves at ${host}:${port}; start the coordinator there (${error.message})`);
      return UNREACHABLE;
    }
    console.error(`train.js: ${error.message}`);
    return FAILED;
  } finally {
    connection.destroy();
  }
}

process.exitCode = FAILED; // until it is done: Node.js ends by itself when nothing is left to wait for
main(process.argv.slice(2)).then((status) => process.exit(status));
