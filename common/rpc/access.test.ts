import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Access, accessSchema, isLocalAddress, type Role } from './access.ts';

const token = (name: string, roles: Role[]) => ({
  name,
  roles,
  sha256: createHash('sha256').update(`${name}-token`).digest('hex'),
});
const access = (tokens: ReturnType<typeof token>[]) => new Access(accessSchema.parse({ tokens }));
const bearer = (name: string) => `Bearer ${name}-token`;

describe('without tokens', () => {
  const open = access([]);

  test('everyone may do everything on this machine, and serve alone over the network', () => {
    for (const role of ['serve', 'operate', 'analyse', 'raw'] as const)
      expect(open.admit(role, undefined, true)).toBe(undefined);
    expect(open.admit('serve', undefined, false)).toBe(undefined);
    for (const role of ['operate', 'analyse', 'raw'] as const)
      expect(() => open.admit(role, bearer('ana'), false)).toThrow(
        expect.objectContaining({ reason: 'ROLE_MISSING', metadata: { role } }),
      );
  });

  test('this machine is loopback and sockets in the file system', () => {
    for (const address of ['127.0.0.1:7100', 'localhost:1', '[::1]:7100', 'unix:/run/x.sock'])
      expect(isLocalAddress(address)).toBe(true);
    for (const address of ['0.0.0.0:7100', '[::]:7100', '10.0.0.1:1', 'localhost.example.com:1'])
      expect(isLocalAddress(address)).toBe(false);
  });
});

describe('with tokens', () => {
  const guarded = access([token('ana', ['analyse']), token('olga', ['operate', 'raw'])]);

  test('a role is for those who have it, also on this machine', () => {
    expect(guarded.admit('analyse', bearer('ana'), true)?.name).toBe('ana');
    expect(guarded.admit('raw', bearer('olga'), false)?.name).toBe('olga');
    expect(() => guarded.admit('raw', bearer('ana'), true)).toThrow('the role raw; ana does not have it');
    for (const authorization of [undefined, '', 'ana-token', 'Bearer ', 'Bearer ana', 'Basic ana-token'])
      expect(() => guarded.admit('analyse', authorization, true)).toThrow(
        expect.objectContaining({ reason: 'ACCESS_TOKEN_UNKNOWN' }),
      );
  });

  test('serving is open until a token has that role', () => {
    expect(guarded.admit('serve', undefined, false)).toBe(undefined);
    const closed = access([token('shop', ['serve'])]);
    expect(closed.admit('serve', bearer('shop'), false)?.name).toBe('shop');
    expect(() => closed.admit('serve', undefined, true)).toThrow('no token');
  });
});

test('a token that is no digest, has no role or stands twice is refused by its field', () => {
  const faults = (tokens: unknown[]) =>
    accessSchema.safeParse({ tokens }).error?.issues.map(({ path }) => path.join('.'));
  expect(faults([{ ...token('a', ['raw']), sha256: 'plain' }])).toEqual(['tokens.0.sha256']);
  expect(faults([token('a', [])])).toEqual(['tokens.0.roles']);
  expect(faults([{ ...token('a', ['raw']), roles: ['admin'] }])).toEqual(['tokens.0.roles.0']);
  expect(faults([token('a', ['raw']), { ...token('a', ['serve']) }])).toEqual(['tokens']);
});
