import { afterEach, expect, it, vi } from 'vitest';
import { heartbeat } from './report.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('a measurement says on standard error how far it is, every ten seconds at most', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const said: string[] = [];
  vi.spyOn(console, 'error').mockImplementation((line: string) => said.push(line));
  const hear = heartbeat('models: ease');
  for (let second = 1; second <= 25; second++) {
    vi.advanceTimersByTime(1000);
    hear(`step ${second}`);
  }
  expect(said).toEqual(['models: ease: 10 s, step 10', 'models: ease: 20 s, step 20']);
});
