import { createHash } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { Access, accessSchema, isLocalAddress, type Role } from './access.ts';
import { subjectsOf } from './certificate-subjects.ts';

const token = (name: string, roles: Role[]) => ({
  name,
  roles,
  sha256: createHash('sha256').update(`${name}-token`).digest('hex'),
});
const certificate = (name: string, subject: string, roles: Role[]) => ({ name, subject, roles });
const access = (tokens: ReturnType<typeof token>[], certificates: ReturnType<typeof certificate>[] = []) =>
  new Access(accessSchema.parse({ tokens, certificates }));
const NOTHING = { authorization: undefined, subjects: () => [] };
const header = (authorization: string) => ({ ...NOTHING, authorization });
const bearer = (name: string) => header(`Bearer ${name}-token`);

describe('without tokens', () => {
  const open = access([]);

  test('everyone may do everything on this machine, and serve alone over the network', () => {
    for (const role of ['serve', 'operate', 'analyse', 'raw'] as const)
      expect(open.admit(role, NOTHING, true)).toBe(undefined);
    expect(open.admit('serve', NOTHING, false)).toBe(undefined);
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
    const unknown = ['', 'ana-token', 'Bearer ', 'Bearer ana', 'Basic ana-token'].map(header);
    expect(() => guarded.admit('analyse', bearer('nobody'), true)).toThrow(
      'the token of the call is not known here',
    );
    for (const presented of [NOTHING, ...unknown])
      expect(() => guarded.admit('analyse', presented, true)).toThrow(
        expect.objectContaining({ reason: 'ACCESS_TOKEN_UNKNOWN' }),
      );
  });

  test('serving is open until a token has that role', () => {
    expect(guarded.admit('serve', NOTHING, false)).toBe(undefined);
    const closed = access([token('shop', ['serve'])]);
    expect(closed.admit('serve', bearer('shop'), false)?.name).toBe('shop');
    expect(() => closed.admit('serve', NOTHING, true)).toThrow('no token');
  });
});

describe('with certificates', () => {
  const guarded = access(
    [token('ana', ['analyse'])],
    [
      certificate('services', 'DNS:Millrace.Internal', ['serve', 'operate', 'raw']),
      certificate('ben', 'URI:spiffe://shop/ben', ['analyse']),
      certificate('late', 'CN:ben', ['raw']),
    ],
  );
  const showing = (...subjects: string[]) => ({ ...NOTHING, subjects: () => subjects });

  test('a certificate gives the roles of the first entry that names it', () => {
    expect(guarded.admit('raw', showing('CN:x', 'DNS:millrace.internal'), false)?.name).toBe('services');
    expect(guarded.admit('analyse', showing('CN:ben', 'URI:spiffe://shop/ben'), true)?.name).toBe('ben');
    expect(() => guarded.admit('raw', showing('CN:ben', 'URI:spiffe://shop/ben'), true)).toThrow(
      'the role raw; ben does not have it',
    );
    expect(guarded.admit('raw', showing('CN:ben'), true)?.name).toBe('late');
  });

  test('one that nothing names is as none, also on this machine', () => {
    for (const presented of [NOTHING, showing('CN:mallory', 'URI:spiffe://shop/ben/', 'DNS:ben')])
      for (const role of ['serve', 'analyse', 'raw', 'operate'] as const)
        expect(() => guarded.admit(role, presented, true)).toThrow(
          expect.objectContaining({ reason: 'ACCESS_TOKEN_UNKNOWN' }),
        );
  });

  test('a token decides instead of the certificate, also one that is not known', () => {
    const [ana, mallory] = ['ana', 'mallory'].map((name) => ({
      ...bearer(name),
      subjects: () => ['DNS:millrace.internal'],
    }));
    expect(guarded.admit('analyse', ana, false)?.name).toBe('ana');
    expect(() => guarded.admit('raw', ana, false)).toThrow(
      expect.objectContaining({ reason: 'ROLE_MISSING' }),
    );
    expect(() => guarded.admit('raw', mallory, false)).toThrow('the token of the call is not known here');
  });

  test('serving is open until a token or a certificate has that role', () => {
    const open = access([], [certificate('ben', 'CN:ben', ['analyse'])]);
    expect(open.admit('serve', NOTHING, false)).toBe(undefined);
    expect(() => open.admit('raw', NOTHING, true)).toThrow('no token and no certificate');
  });

  test('a subject without its kind, or one that stands twice, is refused by its field', () => {
    const faults = (...certificates: object[]) =>
      accessSchema.safeParse({ certificates }).error?.issues.map(({ path }) => path.join('.'));
    expect(faults(certificate('a', 'ana', ['raw']))).toEqual(['certificates.0.subject']);
    expect(faults(certificate('a', 'CN:', ['raw']))).toEqual(['certificates.0.subject']);
    expect(
      faults(certificate('a', 'DNS:shop.example', ['raw']), certificate('b', 'DNS:Shop.Example', ['raw'])),
    ).toEqual(['certificates']);
  });
});

test('names that Node had to quote are one name each', () => {
  const subject = { CN: 'x' } as PeerCertificate['subject'];
  const subjectaltname =
    'DNS:A.example, URI:"spiffe://x/a, URI:spiffe://x/root", IP Address:127.0.0.1, email:a@b';
  expect(subjectsOf({ subject, subjectaltname } as PeerCertificate)).toEqual([
    'CN:x',
    'DNS:a.example',
    'URI:spiffe://x/a, URI:spiffe://x/root',
    'IP Address:127.0.0.1',
    'email:a@b',
  ]);
});

test('a token that is no digest, has no role or stands twice is refused by its field', () => {
  const faults = (tokens: unknown[]) =>
    accessSchema.safeParse({ tokens }).error?.issues.map(({ path }) => path.join('.'));
  expect(faults([{ ...token('a', ['raw']), sha256: 'plain' }])).toEqual(['tokens.0.sha256']);
  expect(faults([token('a', [])])).toEqual(['tokens.0.roles']);
  expect(faults([{ ...token('a', ['raw']), roles: ['admin'] }])).toEqual(['tokens.0.roles.0']);
  expect(faults([token('a', ['raw']), { ...token('a', ['serve']) }])).toEqual(['tokens']);
});
