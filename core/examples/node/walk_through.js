// The walk-through from Node.js: upload, tune, watch, deploy, ask, and read an error with its details.
//
// It needs the folder proto/ of this repository and nothing generated.
//
//   npm ci
//   FOREWORD_ENDPOINT=127.0.0.1:50051 FOREWORD_API_KEY=dev node walk_through.js complaints.jsonl
//
// Every step prints one line of JSON.

import { createReadStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import * as grpc from '@grpc/grpc-js';
import * as protoLoader from '@grpc/proto-loader';

const PROTO = fileURLToPath(new URL('../../../proto', import.meta.url));
const FILES = ['dataset', 'deployment', 'inference', 'tune_experiment'].map((noun) => `foreword/v1/${noun}_service.proto`);

const definition = protoLoader.loadSync([...FILES, 'google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [PROTO],
  keepCase: true, // field names as the proto files and the errors write them
  enums: String,
  longs: Number,
  defaults: true,
});
const { foreword } = grpc.loadPackageDefinition(definition);

const endpoint = process.env.FOREWORD_ENDPOINT ?? '127.0.0.1:50051';
const metadata = new grpc.Metadata();
metadata.set('authorization', `Bearer ${process.env.FOREWORD_API_KEY ?? 'dev'}`);

const connect = (service) => new foreword.v1[service](endpoint, grpc.credentials.createInsecure());
const datasets = connect('DatasetService');
const experiments = connect('TuneExperimentService');
const deployments = connect('DeploymentService');
const inference = connect('InferenceService');

/** Calls a method that has one answer; it has a minute. */
function call(client, method, request) {
  return promisify(client[method]).call(client, request, metadata, { deadline: Date.now() + 60_000 });
}

/** Sends a file in chunks behind a header, its size last; resolves with the stored dataset. */
function upload(path, header) {
  return new Promise((resolve, reject) => {
    const stream = datasets.UploadDataset(metadata, (error, answer) => (error ? reject(error) : resolve(answer.dataset)));
    let size = 0;
    stream.write({ header });
    createReadStream(path)
      .on('data', (chunk) => {
        size += chunk.length;
        stream.write({ chunk });
      })
      .on('error', reject)
      .on('end', () => {
        stream.write({ end: size });
        stream.end();
      });
  });
}

/** The details of an error by their type, such as `google.rpc.BadRequest`: they travel as a google.rpc.Status. */
function details(error) {
  const [packed] = error.metadata.get('grpc-status-details-bin');
  const status = definition['google.rpc.Status'].deserialize(packed);
  return Object.fromEntries(
    status.details.map(({ type_url, value }) => {
      const type = type_url.split('/').pop();
      return [type, definition[type].deserialize(value)];
    }),
  );
}

function show(step, facts) {
  console.log(JSON.stringify({ step, ...facts }));
}

const dataset = await upload(process.argv[2], { display_name: 'From Node' });
show('upload', { name: dataset.name, rows: dataset.row_count, findings: dataset.report.findings.length });

try {
  const parameters = { num_epochs: 0, batch_size: 0 };
  await call(experiments, 'CreateTuneExperiment', {
    tune_experiment: { display_name: 'Refused', dataset: dataset.name, parameters },
  });
} catch (error) {
  const { 'google.rpc.ErrorInfo': info, 'google.rpc.BadRequest': badRequest } = details(error);
  const fields = badRequest.field_violations.map((violation) => violation.field);
  show('error', { code: grpc.status[error.code], reason: info.reason, domain: info.domain, fields });
}

const experiment = await call(experiments, 'CreateTuneExperiment', {
  tune_experiment: {
    display_name: 'From Node',
    dataset: dataset.name,
    evaluate_base: false, // the base model answers slowly, token by token
    parameters: { num_epochs: 2, batch_size: 8, refit: false, init_method: 'text', init_text: 'Route it.' },
  },
});
show('tune', { name: experiment.name, planned_updates: experiment.plan.planned_updates });

let tuned;
let snapshots = 0;
for await (const { tune_experiment } of experiments.WatchTuneExperiment({ name: experiment.name }, metadata)) {
  snapshots += tune_experiment.snapshots.length;
  tuned = tune_experiment;
}
show('watch', { state: tuned.state, snapshots, systems: tuned.evaluations.map((evaluation) => evaluation.system) });

const [tenant] = experiment.name.split('/tuneExperiments/');
let deployment = await call(deployments, 'CreateDeployment', {
  parent: `${tenant}/spaces/default`,
  deployment: { serving_name: 'from-node', model: tuned.tuned_model },
});
while (deployment.state === 'STATE_INITIALIZING') {
  await sleep(100);
  deployment = await call(deployments, 'GetDeployment', { name: deployment.name });
}
show('deploy', { state: deployment.state, model: deployment.model });

const text = 'Where are the 2 extra sets of sheets that are supposed to come with my order?!';
const answer = await call(inference, 'Generate', { model: 'from-node', text });
show('generate', { text: answer.text, stop_reason: answer.stop_reason, usage: answer.usage });

let streamed = '';
for await (const piece of inference.StreamGenerate({ model: 'from-node', text }, metadata)) streamed += piece.text;
show('stream', { text: streamed });

const classified = await call(inference, 'Classify', { model: 'from-node', text });
show('classify', { labels: classified.labels, label_probabilities: classified.label_probabilities });

await call(deployments, 'DeleteDeployment', { name: deployment.name });
