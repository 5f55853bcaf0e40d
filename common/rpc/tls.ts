import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { checkServerIdentity } from 'node:tls';
import {
  type ChannelCredentials,
  type ChannelOptions,
  experimental,
  type ServerCredentials,
} from '@grpc/grpc-js';
import type { ConfigSource } from '../config.ts';
import { MillraceError } from '../errors.ts';
import type { Logger } from '../telemetry/log.ts';
import { readTlsFiles, type TlsConfig, tlsSchema } from './tls-files.ts';
import { TlsProvider } from './tls-provider.ts';
import { TlsServerCredentials } from './tls-server-credentials.ts';

/** Makes the credentials of this process's servers and channels, by the section `tls`. */
export class Tls {
  readonly #config: TlsConfig;
  readonly #provider: TlsProvider;

  private constructor(config: TlsConfig, provider: TlsProvider) {
    this.#config = config;
    this.#provider = provider;
  }

  /** Undefined where connections are plain. CONFIG_INVALID names the field and file at fault. */
  static of(source: ConfigSource, log?: Logger): Tls | undefined {
    const config = source.section('tls', tlsSchema);
    const paths = [config.cert, config.key, config.ca]
      .filter((path) => path !== undefined)
      .map((path) => resolve(source.home, path));
    if (paths.length === 0) return undefined;
    return new Tls(config, new TlsProvider(paths, () => readTlsFiles(config, source.home), log));
  }

  /** Whether servers know clients by their certificates. */
  get checksClients(): boolean {
    return this.#config.clientAuth !== 'none';
  }

  /** CONFIG_INVALID where there is no certificate to show, or nothing to check those of clients by. */
  serverCredentials(): ServerCredentials {
    const { cert, ca, clientAuth } = this.#config;
    if (cert === undefined)
      throw new MillraceError('CONFIG_INVALID', 'configuration: tls.cert: is missing; a service needs one');
    if (this.checksClients && ca === undefined)
      throw new MillraceError(
        'CONFIG_INVALID',
        `configuration: tls.ca: is missing; tls.clientAuth ${clientAuth} checks clients by it`,
      );
    return new TlsServerCredentials(this.#provider, clientAuth);
  }

  /** For a channel to `address`. Sockets in the file system are `localhost`. */
  channelCredentials(address: string): { credentials: ChannelCredentials; options: ChannelOptions } {
    const { cert, serverName } = this.#config;
    const host = /^\[?(.*?)\]?:\d+$/.exec(address)?.[1] ?? '';
    // A name that is an IP address cannot be sent to the server, but it can be what its certificate is checked against.
    const isNumeric = serverName === undefined && isIP(host) !== 0;
    const sentName = isNumeric ? 'localhost' : serverName;
    return {
      credentials: experimental.createCertificateProviderChannelCredentials(
        this.#provider,
        cert === undefined ? null : this.#provider,
        isNumeric ? { checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate) } : {},
      ),
      options: sentName === undefined ? {} : { 'grpc.ssl_target_name_override': sentName },
    };
  }
}
