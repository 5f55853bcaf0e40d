import { describe, expect, it } from 'vitest';
import { missing } from './python.ts';

describe('a peer in Python', () => {
  it('is skipped with what to do where Python or its package is absent', () => {
    const asked = { name: 'no-such-package-of-millrace', version: '1.2.3' };
    expect(missing('/no/such/python', asked)).toMatch(/^\/no\/such\/python does not start/);
    // Not Python, but a program that answers without the version.
    expect(missing(process.execPath, asked)).toContain('pip install no-such-package-of-millrace==1.2.3');
  });
});
