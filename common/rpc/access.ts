import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MillraceError } from '../errors.ts';

/**
 * What a caller may do: *serve* (what serving people needs), *operate* (bundles, catalogue, consumers), *analyse* (private answers), *raw*
 * (what single people did). A method's contract names its role.
 */
const ROLES = ['serve', 'operate', 'analyse', 'raw'] as const;
export type Role = (typeof ROLES)[number];

const tokenSchema = z.strictObject({
  /** Who holds the token. An analyst's budget goes by it. */
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'expected a-z 0-9 . _ -, at most 64'),
  /** Of the token itself, which is kept nowhere: `printf %s TOKEN | sha256sum`. */
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'expected 64 hexadecimal digits')
    .transform((digest) => digest.toLowerCase()),
  roles: z.array(z.enum(ROLES)).min(1),
});

/** Who may call: the section `access`. */
export const accessSchema = z.strictObject({
  tokens: z
    .array(tokenSchema)
    .refine(
      (tokens) => new Set(tokens.map(({ sha256 }) => sha256)).size === tokens.length,
      'a token is listed twice',
    )
    .default([]),
});

/** Who calls, by the token that came with the call. */
export interface Caller {
  readonly name: string;
  readonly roles: readonly Role[];
}

/**
 * Decides who may call which method. Without any token configured everyone may, as long as the server listens on this machine alone. With
 * tokens a method wants its role, *serve* only if some token has that role.
 */
export class Access {
  readonly #callers: ReadonlyMap<string, Caller>;
  readonly #guarded: ReadonlySet<Role>;

  constructor({ tokens }: z.output<typeof accessSchema>) {
    this.#callers = new Map(tokens.map(({ sha256, name, roles }) => [sha256, { name, roles }]));
    const servesByToken = tokens.some(({ roles }) => roles.includes('serve'));
    this.#guarded = new Set(ROLES.filter((role) => role !== 'serve' || servesByToken));
  }

  /** Whether there are tokens at all. */
  get hasTokens(): boolean {
    return this.#callers.size > 0;
  }

  /**
   * The caller, if any is known. `authorization`: the header as it came. ACCESS_TOKEN_UNKNOWN or ROLE_MISSING where the method may not be
   * called.
   */
  admit(role: Role, authorization: string | undefined, isLocal: boolean): Caller | undefined {
    const caller = this.#callerOf(authorization);
    if (!this.#guarded.has(role) || caller?.roles.includes(role) || (!this.hasTokens && isLocal))
      return caller;
    if (caller === undefined && this.hasTokens)
      throw new MillraceError('ACCESS_TOKEN_UNKNOWN', 'the call has no token that is known here');
    const fault =
      caller === undefined ? 'no tokens are configured (access.tokens)' : `${caller.name} does not have it`;
    throw new MillraceError('ROLE_MISSING', `the method wants the role ${role}; ${fault}`, {
      metadata: { role },
    });
  }

  /** Tokens are looked up by digest, so that the time it takes says nothing of them. */
  #callerOf(authorization: string | undefined): Caller | undefined {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    return this.#callers.get(createHash('sha256').update(token).digest('hex'));
  }
}

/** Whether only this machine can reach a server that listens at the address. */
export function isLocalAddress(address: string): boolean {
  return /^(unix:|localhost:|127\.|\[::1\]:)/.test(address);
}
