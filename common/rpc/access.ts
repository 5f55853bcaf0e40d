import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MillraceError } from '../errors.ts';
import { comparableSubject, SUBJECT } from './certificate-subjects.ts';

/**
 * What a caller may do: *serve* (what serving people needs), *operate* (bundles, catalogue, consumers), *analyse* (private answers), *raw*
 * (what single people did). A method's contract names its role.
 */
const ROLES = ['serve', 'operate', 'analyse', 'raw'] as const;
export type Role = (typeof ROLES)[number];

/** Who it is, with a token or a certificate alike: an analyst's budget goes by the name. */
const callerSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'expected a-z 0-9 . _ -, at most 64'),
  roles: z.array(z.enum(ROLES)).min(1),
});

const tokenSchema = callerSchema.extend({
  /** Of the token itself, which is kept nowhere: `printf %s TOKEN | sha256sum`. */
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'expected 64 hexadecimal digits')
    .transform((digest) => digest.toLowerCase()),
});

const certificateSchema = callerSchema.extend({
  /** What the certificate names: its common name or one of its alternative names. */
  subject: z
    .string()
    .regex(SUBJECT, 'expected CN:NAME, DNS:HOST, URI:URI or email:ADDRESS')
    .transform(comparableSubject),
});

/** Who may call: the section `access`. A certificate that fits several entries is the first one's. */
export const accessSchema = z.strictObject({
  tokens: z
    .array(tokenSchema)
    .refine((tokens) => isDistinct(tokens.map(({ sha256 }) => sha256)), 'a token is listed twice')
    .default([]),
  certificates: z
    .array(certificateSchema)
    .refine((entries) => isDistinct(entries.map(({ subject }) => subject)), 'a subject is listed twice')
    .default([]),
});
type AccessConfig = z.output<typeof accessSchema>;

function isDistinct(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** Who calls, by the token or the certificate that came with the call. */
export interface Caller {
  readonly name: string;
  readonly roles: readonly Role[];
}

/** What a call came with. */
export interface Presented {
  /** The header as it came. */
  readonly authorization: string | undefined;
  /** What the client's verified certificate may be known by; none without one. */
  subjects(): readonly string[];
}

/**
 * Decides who may call which method. Without anybody configured everyone may, as long as the server listens on this machine alone. Else a
 * method wants its role, *serve* only if somebody has that role.
 */
export class Access {
  readonly #tokens: ReadonlyMap<string, Caller>;
  readonly #certificates: AccessConfig['certificates'];
  readonly #guarded: ReadonlySet<Role>;

  constructor({ tokens, certificates }: AccessConfig) {
    this.#tokens = new Map(tokens.map(({ sha256, name, roles }) => [sha256, { name, roles }]));
    this.#certificates = certificates;
    const isServingGuarded = [...tokens, ...certificates].some(({ roles }) => roles.includes('serve'));
    this.#guarded = new Set(ROLES.filter((role) => role !== 'serve' || isServingGuarded));
  }

  /** Whether anybody is configured. */
  get knowsCallers(): boolean {
    return this.#tokens.size > 0 || this.knowsCertificates;
  }

  get knowsCertificates(): boolean {
    return this.#certificates.length > 0;
  }

  /** The caller, if any is known. ACCESS_TOKEN_UNKNOWN or ROLE_MISSING where the method may not be called. */
  admit(role: Role, presented: Presented, isLocal: boolean): Caller | undefined {
    const caller = this.#callerOf(presented);
    if (!this.#guarded.has(role) || caller?.roles.includes(role) || (!this.knowsCallers && isLocal))
      return caller;
    if (caller === undefined && this.knowsCallers)
      throw new MillraceError(
        'ACCESS_TOKEN_UNKNOWN',
        presented.authorization === undefined
          ? 'the call has no token and no certificate that is known here'
          : 'the token of the call is not known here',
      );
    const fault =
      caller === undefined
        ? 'nobody is configured (access.tokens, access.certificates)'
        : `${caller.name} does not have it`;
    throw new MillraceError('ROLE_MISSING', `the method wants the role ${role}; ${fault}`, {
      metadata: { role },
    });
  }

  /**
   * A token decides alone, also one that is not known: who sends one means to be its holder, whichever machine's certificate the
   * connection has. Tokens are looked up by digest, so that the time it takes says nothing of them.
   */
  #callerOf({ authorization, subjects }: Presented): Caller | undefined {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (token !== undefined) return this.#tokens.get(createHash('sha256').update(token).digest('hex'));
    if (!this.knowsCertificates) return undefined;
    const shown = subjects();
    return this.#certificates.find(({ subject }) => shown.includes(subject));
  }
}

/** Whether only this machine can reach a server that listens at the address. */
export function isLocalAddress(address: string): boolean {
  return /^(unix:|localhost:|127\.|\[::1\]:)/.test(address);
}
