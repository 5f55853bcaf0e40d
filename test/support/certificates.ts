import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const HOUR_MS = 3_600_000;
const Tag = { integer: 2, bits: 3, octets: 4, oid: 6, utf8: 12, time: 24, sequence: 0x30, set: 0x31 };
/** Object identifiers as DER writes them. */
const COMMON_NAME = Buffer.from([0x55, 4, 3]);
const BASIC_CONSTRAINTS = Buffer.from([0x55, 0x1d, 0x13]);
const ALTERNATIVE_NAMES = Buffer.from([0x55, 0x1d, 0x11]);
const ECDSA_WITH_SHA256 = der(
  Tag.sequence,
  der(Tag.oid, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])),
);
/** Context tags of alternative names. */
const KIND = { email: 0x81, DNS: 0x82, URI: 0x86, IP: 0x87 };

/** Alternative names as `DNS:localhost`, `IP:127.0.0.1`, `URI:spiffe://x/a`. */
interface Subject {
  readonly commonName: string;
  readonly names?: readonly string[];
  /** Default: from an hour ago until an hour from now. */
  readonly validFromMs?: number;
  readonly validUntilMs?: number;
}

/** PEM. */
interface Issued {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of the tests, with a key of its own (X.509 v3, ECDSA on P-256; RFC 5280). */
export class TestAuthority {
  readonly cert: string;
  readonly #name: Buffer;
  readonly #key: KeyObject;
  #serial = 1;

  constructor(commonName = 'test authority') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = nameOf(commonName);
    this.#key = privateKey;
    this.cert = this.#certify({ commonName }, publicKey, true);
  }

  /** A certificate with a fresh key. */
  issue(subject: Subject): Issued {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return {
      cert: this.#certify(subject, publicKey, false),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  /** Writes `NAME.pem`, `NAME.key` and `ca.pem` into the folder. Answers the settings that name them. */
  async issueInto(folder: string, name: string, subject: Subject): Promise<Record<string, string>> {
    const { cert, key } = this.issue(subject);
    await mkdir(folder, { recursive: true });
    const paths = {
      cert: join(folder, `${name}.pem`),
      key: join(folder, `${name}.key`),
      ca: join(folder, 'ca.pem'),
    };
    await writeFile(paths.cert, cert);
    await writeFile(paths.key, key, { mode: 0o600 });
    await writeFile(paths.ca, this.cert);
    return tlsSettings(paths);
  }

  #certify(
    { commonName, names = [], validFromMs, validUntilMs }: Subject,
    key: KeyObject,
    isCa: boolean,
  ): string {
    const nowMs = Date.now();
    const body = sequence(
      der(0xa0, der(Tag.integer, Buffer.from([2]))),
      der(Tag.integer, Buffer.from([this.#serial++])),
      ECDSA_WITH_SHA256,
      this.#name,
      sequence(time(validFromMs ?? nowMs - HOUR_MS), time(validUntilMs ?? nowMs + HOUR_MS)),
      nameOf(commonName),
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(...extensions(names, isCa))),
    );
    const signature = sign('sha256', body, this.#key);
    const whole = sequence(
      body,
      ECDSA_WITH_SHA256,
      der(Tag.bits, Buffer.concat([Buffer.from([0]), signature])),
    );
    const lines = whole.toString('base64').match(/.{1,64}/g) as string[];
    return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
  }
}

/** Variables of the section `tls`. */
export function tlsSettings(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [`MILLRACE__TLS__${field}`, JSON.stringify(value)]),
  );
}

function extensions(names: readonly string[], isCa: boolean): Buffer[] {
  const constraints = sequence(...(isCa ? [der(1, Buffer.from([0xff]))] : []));
  const all = [sequence(der(Tag.oid, BASIC_CONSTRAINTS), der(Tag.octets, constraints))];
  if (names.length > 0)
    all.push(sequence(der(Tag.oid, ALTERNATIVE_NAMES), der(Tag.octets, sequence(...names.map(alternative)))));
  return all;
}

function alternative(text: string): Buffer {
  const [, kind, name] = /^(\w+):(.*)$/.exec(text) as unknown as [string, keyof typeof KIND, string];
  return der(KIND[kind], kind === 'IP' ? Buffer.from(name.split('.').map(Number)) : Buffer.from(name));
}

function nameOf(commonName: string): Buffer {
  return sequence(der(Tag.set, sequence(der(Tag.oid, COMMON_NAME), der(Tag.utf8, Buffer.from(commonName)))));
}

/** `YYYYMMDDHHMMSSZ`. */
function time(ms: number): Buffer {
  return der(Tag.time, Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`));
}

function sequence(...parts: Buffer[]): Buffer {
  return der(Tag.sequence, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
