import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { z } from 'zod';
import { addressSchema, ConfigSource } from './config.ts';
import { MillraceError } from './errors.ts';
import { Access, accessSchema, isLocalAddress } from './rpc/access.ts';
import { Channel } from './rpc/client.ts';
import type { Contract, GeneratedService, Service } from './rpc/contract.ts';
import { RpcServer } from './rpc/server.ts';
import { Tls } from './rpc/tls.ts';
import { createLogger, type Logger } from './telemetry/log.ts';
import { serveMetrics } from './telemetry/metrics.ts';
import { startTracing } from './telemetry/trace.ts';

/** Where each service listens and is found by the others. */
export const addressesSchema = z.strictObject({
  orchestrator: addressSchema.default('127.0.0.1:7100'),
  candidates: addressSchema.default('127.0.0.1:7101'),
  filtering: addressSchema.default('127.0.0.1:7102'),
  ranking: addressSchema.default('127.0.0.1:7103'),
  reranking: addressSchema.default('127.0.0.1:7104'),
  features: addressSchema.default('127.0.0.1:7105'),
  logging: addressSchema.default('127.0.0.1:7106'),
});
export type ServiceName = keyof z.infer<typeof addressesSchema>;

const telemetrySchema = z.strictObject({
  /** OTLP/HTTP traces endpoint. Absent: no spans are recorded. */
  otlpUrl: z.url().optional(),
  /** Port of Prometheus' `/metrics`; 0 takes a free one. Absent: none is served. */
  metricsPort: z.number().int().min(0).max(65535).optional(),
  metricsHost: z.string().default('127.0.0.1'),
});

/** Every section that a configuration may have. */
export const SECTIONS = [
  'addresses',
  'telemetry',
  'orchestrator',
  'candidates',
  'filtering',
  'ranking',
  'reranking',
  'features',
  'events',
  'logging',
  'lake',
  'privacy',
  'access',
  'tls',
  'rights',
  'train',
] as const;

/** A service that has been put together, before anyone can call it. */
export interface Component {
  /** What it serves. */
  readonly services: readonly Served[];
  /** Tells `changed` now and whenever it becomes able or unable to answer. */
  watchServing(changed: (serving: boolean) => void): void;
  /** Ends its own work; called after the last request. */
  close(): Promise<void>;
}

interface Served {
  addTo(server: RpcServer): void;
}

/** Pairs a contract with its implementation for `Component.services`. */
export function served<S extends GeneratedService>(
  contract: Contract<S>,
  implementation: Service<S>,
): Served {
  return { addTo: (server) => server.add(contract, implementation) };
}

/** What a component gets from the process it runs in. */
export interface Environment {
  readonly config: ConfigSource;
  readonly log: Logger;
  /** For its channels. Absent: connections are plain. */
  readonly tls?: Tls | undefined;
}

/** A channel to a service of the installation: its address, and TLS, as configured. `address`: where it is, if elsewhere. */
export function channelTo(
  name: ServiceName,
  { config, tls = Tls.of(config) }: Pick<Environment, 'config' | 'tls'>,
  address = config.section('addresses', addressesSchema)[name],
): Channel {
  return new Channel(address, { tls });
}

/** A component that listens. */
export interface RunningService {
  /** The port it listens on; 0 for a socket path. */
  readonly port: number;
  /** Drains and closes. */
  stop(): Promise<void>;
}

/**
 * Serves a component at its address with logs, spans and metrics as configured; `spanProcessors` get the spans too.
 * CONFIG_INVALID where the configuration has a fault or the address cannot be listened at.
 */
export async function runService(
  name: ServiceName,
  create: (environment: Environment) => Promise<Component>,
  { config = new ConfigSource(), spanProcessors = [] }: ServiceOptions = {},
): Promise<RunningService> {
  setLogVerbosity(logVerbosity.NONE);
  config.checkSections(SECTIONS);
  const addresses = config.section('addresses', addressesSchema);
  const telemetry = config.section('telemetry', telemetrySchema);
  const log = createLogger(name);
  const tls = Tls.of(config, log);
  const credentials = tls?.serverCredentials();
  const access = accessOf(config, tls);
  const stopTracing = startTracing({
    service: name,
    otlpUrl: telemetry.otlpUrl,
    processors: [...spanProcessors],
  });
  const metricsServer =
    telemetry.metricsPort === undefined
      ? undefined
      : await serveMetrics(telemetry.metricsPort, telemetry.metricsHost);
  const component = await create({ config, log, tls });
  const server = new RpcServer({ log, access, credentials });
  for (const service of component.services) service.addTo(server);
  const port = await server.listen(addresses[name]).catch(async (cause: Error) => {
    await component.close();
    throw new MillraceError('CONFIG_INVALID', `addresses.${name}: ${whyNot(addresses[name], cause)}`, {
      cause,
    });
  });
  component.watchServing((serving) => server.setServing(serving));
  log.info({ address: addresses[name], port, encrypted: tls !== undefined }, 'listening');
  const isLocal = isLocalAddress(addresses[name]);
  if (!access.knowsCallers && isLocal) log.info(OPEN);
  else if (!access.knowsCallers) log.warn(CLOSED);
  if (tls === undefined && !isLocal) log.warn(PLAIN);
  return {
    port,
    stop: async () => {
      await server.drain();
      await component.close();
      metricsServer?.close();
      await stopTracing();
    },
  };
}

const OPEN = 'access names nobody: everyone on this machine may administer, analyse and read raw data';
const CLOSED = 'access names nobody: nobody may administer, analyse or read raw data over the network';
const PLAIN = 'tls is not configured: what goes over the network, tokens too, can be read and altered there';

function accessOf(config: ConfigSource, tls: Tls | undefined): Access {
  const access = new Access(config.section('access', accessSchema));
  if (access.knowsCertificates && tls?.checksClients !== true)
    throw new MillraceError(
      'CONFIG_INVALID',
      'configuration: access.certificates: want tls with clientAuth require or request',
    );
  return access;
}

interface ServiceOptions {
  /** Default: that of the process. */
  readonly config?: ConfigSource;
  readonly spanProcessors?: readonly SpanProcessor[];
}

function whyNot(address: string, { message }: Error): string {
  if (message.includes('EADDRINUSE')) return `${address} is in use by another program`;
  return `cannot listen at ${address}: ${message}`;
}

/** Runs until SIGTERM or SIGINT, then drains and ends the process. A configuration fault ends it with code 2. */
export async function runUntilSignal(start: () => Promise<RunningService>): Promise<void> {
  let running: RunningService;
  try {
    running = await start();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(2);
  }
  const stop = (): void => void running.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}
