import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { TlsConfig, TlsFiles } from './tls-files.ts';
import type { TlsProvider } from './tls-provider.ts';

/**
 * Credentials of a server that follow the provider's files. grpc-js' own certificate provider credentials, which are experimental,
 * confuse their two providers (1.14.7) and take connections only some time after the server began to listen.
 */
export class TlsServerCredentials extends ServerCredentials {
  readonly #provider: TlsProvider;
  readonly #take: () => void;

  constructor(provider: TlsProvider, clientAuth: TlsConfig['clientAuth']) {
    const options = {
      requestCert: clientAuth !== 'none',
      rejectUnauthorized: clientAuth === 'require',
    };
    super(options, contextOf(provider.files));
    this.#provider = provider;
    this.#take = () => this.updateSecureContextOptions(contextOf(provider.files));
  }

  override _addWatcher(watcher: Parameters<ServerCredentials['_addWatcher']>[0]): void {
    super._addWatcher(watcher);
    this.#provider.addIdentityCertificateListener(this.#take);
  }

  override _removeWatcher(watcher: Parameters<ServerCredentials['_addWatcher']>[0]): void {
    super._removeWatcher(watcher);
    if (this.getWatcherCount() === 0) this.#provider.removeIdentityCertificateListener(this.#take);
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ identity, ca }: TlsFiles): SecureContextOptions {
  return { ca, cert: identity?.certificate, key: identity?.privateKey };
}
