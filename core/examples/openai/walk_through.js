// The walk-through with OpenAI's own client: models, upload, fine-tune, events, cancel, ask, stream, errors.
//
//   npm ci
//   OPENAI_BASE_URL=http://127.0.0.1:8051/v1 OPENAI_API_KEY=dev node walk_through.js complaints.jsonl
//
// The file has rows of `input` and `output`. Every step prints one line of JSON.

import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import OpenAI, { toFile } from 'openai';

const BASE = 'baseModels/foreword--starter';
const ai = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? 'http://127.0.0.1:8051/v1',
  apiKey: process.env.OPENAI_API_KEY ?? 'dev',
});

function show(step, facts) {
  console.log(JSON.stringify({ step, ...facts }));
}

async function collect(list) {
  const found = [];
  for await (const item of list) found.push(item);
  return found;
}

const models = await collect(await ai.models.list());
show('models', { base: models.some((model) => model.id === BASE) });

const file = await ai.files.create({ file: createReadStream(process.argv[2]), purpose: 'fine-tune' });
show('upload', { filename: file.filename, status: file.status });

try {
  await ai.files.create({ file: await toFile(Buffer.from('{"prompt": "x"}\n'), 'bad.jsonl'), purpose: 'fine-tune' });
} catch (error) {
  show('faulty rows', { status: error.status, param: error.param, code: error.code });
}

const rows = (await readFile(process.argv[2], 'utf8')).trim().split('\n').length;
const content = await (await ai.files.content(file.id)).text();
show('content', { same: content.trim().split('\n').length === rows });

let job = await ai.fineTuning.jobs.create({
  model: BASE,
  training_file: file.id,
  suffix: 'from-node',
  method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 2, batch_size: 8 } } },
});
const unwanted = await ai.fineTuning.jobs.create({ model: BASE, training_file: file.id });
const cancelled = await ai.fineTuning.jobs.cancel(unwanted.id);
show('cancel', { ends: ['running', 'cancelled'].includes(cancelled.status) });

while (!['succeeded', 'failed', 'cancelled'].includes(job.status)) {
  await sleep(200);
  job = await ai.fineTuning.jobs.retrieve(job.id);
}
const events = await collect(await ai.fineTuning.jobs.listEvents(job.id));
show('tune', {
  status: job.status,
  error: job.error,
  model: job.fine_tuned_model,
  steps: events.filter((event) => event.type === 'metrics').length,
  last: events[0].message.split('.')[0],
});

const messages = [{ role: 'user', content: 'Where are the 2 extra sets of sheets that are supposed to come with my order?!' }];
const answer = await ai.chat.completions.create({ model: job.fine_tuned_model, messages });
show('chat', { text: answer.choices[0].message.content, tokens: answer.usage.total_tokens });

let streamed = '';
for await (const chunk of await ai.chat.completions.create({ model: job.fine_tuned_model, messages, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? '';
}
show('stream', { text: streamed });

const drawn = await ai.completions.create({
  model: BASE, prompt: 'The weather is', max_tokens: 4, n: 2, temperature: 1, seed: 3, logprobs: 2,
});
show('completion', { choices: drawn.choices.length, tokens: drawn.choices[0].logprobs.tokens.length > 0 });

for (const [step, call] of [
  ['unknown model', () => ai.chat.completions.create({ model: 'nothing', messages })],
  ['unsupported', () => ai.chat.completions.create({ model: BASE, messages, frequency_penalty: 1 })],
  ['wrong key', () => ai.withOptions({ apiKey: 'wrong' }).models.list()],
]) {
  try {
    await call();
  } catch (error) {
    show(step, { kind: error.constructor.name, param: error.param, code: error.code, id: Boolean(error.requestID) });
  }
}

await ai.models.delete(job.fine_tuned_model);
await ai.files.delete(file.id).catch(() => {}); // the cancelled job may still need it
