import { expect, test } from 'vitest';
import { ConfigSource } from './config.ts';

test('a variable that is not YAML is named', () => {
  const environment = { MILLRACE_HOME: '/nonexistent', MILLRACE__FILTERING__ENGINE: '[1' };
  expect(() => new ConfigSource(environment)).toThrow(/^configuration: MILLRACE__FILTERING__ENGINE: /);
});
