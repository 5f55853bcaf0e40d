import type { experimental } from '@grpc/grpc-js';
import { asMillraceError } from '../errors.ts';
import { fileSignature } from '../file-signature.ts';
import type { Logger } from '../telemetry/log.ts';
import { metrics } from '../telemetry/metrics.ts';
import type { TlsFiles } from './tls-files.ts';

const POLL_MS = 500;

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/**
 * Gives servers and channels their certificates. While any listens, files that have changed and then stayed as they are for one look
 * are read; connections made from then on have what is in them. Where they have a fault, such as a key that does not belong to the
 * certificate, that is logged, and the older ones stay in use. grpc-js' own provider would take connections no longer.
 */
export class TlsProvider implements experimental.CertificateProvider {
  readonly #paths: readonly string[];
  readonly #read: () => TlsFiles;
  readonly #log: Logger | undefined;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();
  #files: TlsFiles;
  #timer: NodeJS.Timeout | undefined;
  /** Of the files at the last look, and of those that were last taken or refused. */
  #seen: string | undefined;
  #judged: string | undefined;
  #isRefused = false;

  /** `read` reads and checks the files at `paths`; what it throws now is thrown here. */
  constructor(paths: readonly string[], read: () => TlsFiles, log: Logger | undefined) {
    this.#paths = paths;
    this.#read = read;
    this.#log = log;
    this.#files = this.#readAndWarn();
  }

  /** Those in use. */
  get files(): TlsFiles {
    return this.#files;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    process.nextTick(() => this.#tellCa(listener));
    this.#follow();
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
    this.#follow();
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    process.nextTick(() => this.#tellIdentity(listener));
    this.#follow();
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
    this.#follow();
  }

  #follow(): void {
    const isWanted = this.#caListeners.size + this.#identityListeners.size > 0;
    if (isWanted) this.#timer ??= setInterval(() => void this.#look(), POLL_MS).unref();
    else {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  async #look(): Promise<void> {
    const found = (await Promise.all(this.#paths.map(fileSignature))).join('\n');
    const hasSettled = found === this.#seen;
    this.#seen = found;
    if (!hasSettled || found === this.#judged) return;
    this.#judged = found;
    const before = this.#files;
    try {
      this.#files = this.#readAndWarn();
      if (this.#isRefused) metrics.tlsRefused.set(0);
      this.#isRefused = false;
    } catch (thrown) {
      this.#isRefused = true;
      metrics.tlsRefused.set(1);
      this.#log?.error(
        { fault: asMillraceError(thrown).message },
        'the TLS files are refused; the older ones stay in use',
      );
      return;
    }
    if (isSame(before, this.#files)) return;
    for (const listener of this.#identityListeners) this.#tellIdentity(listener);
    for (const listener of this.#caListeners) this.#tellCa(listener);
    this.#log?.info({ paths: this.#paths }, 'new TLS files are in use');
  }

  #readAndWarn(): TlsFiles {
    const files = this.#read();
    for (const warning of files.warnings) this.#log?.warn(warning);
    if (files.identity !== undefined) metrics.tlsValidUntil.set(files.identity.validUntilMs / 1000);
    return files;
  }

  #tellCa(listener: CaListener): void {
    listener({ caCertificate: this.#files.ca });
  }

  #tellIdentity(listener: IdentityListener): void {
    listener(this.#files.identity ?? null);
  }
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  return (
    a.ca.equals(b.ca) &&
    a.identity?.certificate.toString() === b.identity?.certificate.toString() &&
    a.identity?.privateKey.toString() === b.identity?.privateKey.toString()
  );
}
