import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { Server, ServerCredentials, type ServiceDefinition, type sendUnaryData } from '@grpc/grpc-js';
import type { ServiceAddresses } from '../support/processes.ts';
import { HOPS, type HopName, methodOf, type Recordings } from './hops.ts';
import { PlainClient } from './plain-client.ts';

/**
 * One process of the hops floor: a bare grpc-js server that answers every call with the next recorded response. The
 * orchestrator's makes the recorded calls to the others first, and the log's off the request path, one append at a time with
 * all that waits. Arguments: name, file of recordings, addresses as JSON.
 */
const [name, file, addressesJson] = process.argv.slice(2) as [HopName, string, string];
const addresses: ServiceAddresses = JSON.parse(addressesJson);
const recordings: Recordings = deserialize(readFileSync(file));

class Recorder {
  readonly #client = new PlainClient(addresses.logging, methodOf('logging'));
  #queue: unknown[] = [];
  #writing = false;

  add(events: readonly unknown[]): void {
    this.#queue.push(...events);
    if (!this.#writing) void this.#write();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#queue.length > 0) {
      const events = this.#queue;
      this.#queue = [];
      await this.#client.call({ events });
    }
    this.#writing = false;
  }
}

/** Makes the calls of request n. */
function replay(): (number: number) => Promise<void> {
  const recorder = new Recorder();
  const hops = (['features', 'candidates', 'filtering', 'ranking', 'reranking'] as const).map((hop) => ({
    client: new PlainClient(addresses[hop], methodOf(hop)),
    requests: recordings[hop].requests.map(methodOf(hop).requestDeserialize),
  }));
  const decisions = recordings.logging.requests.map(
    (bytes) => methodOf('logging').requestDeserialize(bytes) as { events: unknown[] },
  );
  return async (number) => {
    for (const { client, requests } of hops) await client.call(requests[number % requests.length]);
    recorder.add(decisions[number % decisions.length].events);
  };
}

const responses = recordings[name].responses.map(methodOf(name).responseDeserialize);
const before = name === 'orchestrator' ? replay() : undefined;
let calls = 0;
const { service, method } = HOPS[name];
const server = new Server();
server.addService({ [method]: (service as unknown as ServiceDefinition)[method] } as ServiceDefinition, {
  [method]: (_: unknown, done: sendUnaryData<unknown>) => {
    const number = calls++;
    const answer = (): void => done(null, responses[number % responses.length]);
    if (before === undefined) answer();
    else before(number).then(answer, done);
  },
});
server.bindAsync(addresses[name], ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
