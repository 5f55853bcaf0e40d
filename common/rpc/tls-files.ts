import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { createSecureContext, rootCertificates } from 'node:tls';
import { z } from 'zod';
import { systemClock } from '../clock.ts';
import { MillraceError } from '../errors.ts';

const pathSchema = z.string().min(1);

/** Encrypted connections: the section `tls`. Paths are relative to `MILLRACE_HOME`. Without any, connections are plain. */
export const tlsSchema = z
  .strictObject({
    /** The certificate that this process shows, then those between it and its authority; PEM. A service needs one. */
    cert: pathSchema.optional(),
    /** Its private key; PEM, not encrypted. */
    key: pathSchema.optional(),
    /** The authorities that certificates of others are checked by; PEM. Absent: the well-known ones, and for servers only. */
    ca: pathSchema.optional(),
    /** Whether clients have to show a certificate of `ca`; with `request` one is looked at if shown, with `none` not asked for. */
    clientAuth: z.enum(['require', 'request', 'none']).optional(),
    /** The name that the certificates of servers have, where it is not that of their address. */
    serverName: z
      .string()
      .regex(/^[A-Za-z0-9.-]+$/, 'expected a DNS name')
      .refine((name) => isIP(name) === 0, 'expected a DNS name')
      .optional(),
  })
  .superRefine(({ cert, key, ca, clientAuth, serverName }, context) => {
    const fault = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (cert === undefined && key !== undefined) fault('cert', 'is missing; tls.key belongs to it');
    if (key === undefined && cert !== undefined) fault('key', 'is missing; tls.cert needs it');
    const hasFiles = cert !== undefined || key !== undefined || ca !== undefined;
    if (!hasFiles && (clientAuth ?? serverName) !== undefined)
      fault('cert', 'is missing, and so is tls.ca; nothing would be encrypted');
  })
  .transform(({ clientAuth = 'require', ...paths }) => ({ clientAuth, ...paths }));
export type TlsConfig = z.output<typeof tlsSchema>;

interface Identity {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  /** When the first certificate of the chain expires. */
  readonly validUntilMs: number;
}

/** What the files hold, PEM as read. */
export interface TlsFiles {
  readonly identity: Identity | undefined;
  readonly ca: Buffer;
  /** What is dangerous about them but no fault. */
  readonly warnings: readonly string[];
}

/** Reads and checks the files; CONFIG_INVALID names field and file. */
export function readTlsFiles(config: TlsConfig, home: string): TlsFiles {
  const identity =
    config.cert === undefined || config.key === undefined
      ? undefined
      : readIdentity(pemFile('cert', config.cert, home), pemFile('key', config.key, home));
  const ca =
    config.ca === undefined
      ? Buffer.from(rootCertificates.join('\n'))
      : readAuthorities(pemFile('ca', config.ca, home));
  const files = { identity, ca, warnings: warningsOf(config, home) };
  try {
    createSecureContext({ ca, cert: identity?.certificate, key: identity?.privateKey });
  } catch (cause) {
    throw invalid(`tls.cert: ${(cause as Error).message}`, cause);
  }
  return files;
}

interface PemFile {
  readonly bytes: Buffer;
  fault(message: string, cause?: unknown): MillraceError;
}

function pemFile(field: 'cert' | 'key' | 'ca', configured: string, home: string): PemFile {
  const path = resolve(home, configured);
  const fault: PemFile['fault'] = (message, cause) => invalid(`tls.${field}: ${path}: ${message}`, cause);
  try {
    return { bytes: readFileSync(path), fault };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw fault(code === 'ENOENT' ? 'there is no such file' : message, cause);
  }
}

function readIdentity(cert: PemFile, key: PemFile): Identity {
  const chain = certificatesOf(cert);
  for (const certificate of chain) {
    const why = whyNotNow(certificate);
    if (why !== undefined) throw cert.fault(why);
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(key.bytes);
  } catch (cause) {
    throw key.fault(`no PEM private key without a passphrase (${(cause as Error).message})`, cause);
  }
  if (!chain[0].checkPrivateKey(privateKey))
    throw key.fault('is not the private key of the first certificate in tls.cert');
  const validUntilMs = Math.min(...chain.map(({ validTo }) => Date.parse(validTo)));
  return { certificate: cert.bytes, privateKey: key.bytes, validUntilMs };
}

function readAuthorities(ca: PemFile): Buffer {
  const reasons = certificatesOf(ca).map(whyNotNow);
  const [why] = reasons;
  if (why !== undefined && !reasons.includes(undefined)) throw ca.fault(why);
  return ca.bytes;
}

/** At least one. */
function certificatesOf({ bytes, fault }: PemFile): X509Certificate[] {
  const blocks = bytes
    .toString('latin1')
    .match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  if (blocks === null) throw fault('no PEM certificate is in it');
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw fault(`certificate ${i + 1} cannot be read (${(cause as Error).message})`, cause);
    }
  });
}

/** Why the certificate is not valid now; undefined: it is. */
function whyNotNow({ validFrom, validTo, subject }: X509Certificate): string | undefined {
  const nowMs = systemClock.nowMs();
  const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
  const name = subject?.replaceAll('\n', ', ') ?? '';
  if (nowMs > toMs) return `the certificate of ${name} expired at ${new Date(toMs).toISOString()}`;
  if (nowMs < fromMs)
    return `the certificate of ${name} is not valid before ${new Date(fromMs).toISOString()}`;
  return undefined;
}

function warningsOf({ key }: TlsConfig, home: string): string[] {
  if (key === undefined) return [];
  const path = resolve(home, key);
  const { mode } = statSync(path);
  return (mode & 0o004) === 0 ? [] : [`tls.key: ${path}: everyone on this machine can read the private key`];
}

function invalid(message: string, cause?: unknown): MillraceError {
  return new MillraceError('CONFIG_INVALID', `configuration: ${message}`, { cause });
}
