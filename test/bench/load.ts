import { readFileSync } from 'node:fs';

/** What one load comes to. */
export interface Measured {
  readonly calls: number;
  readonly callsPerSecond: number;
  /** User and system time of all processes, this one included. */
  readonly cpuUsPerCall: number;
  /** The same by process; `caller` is this one. */
  readonly cpuUsByProcess: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/**
 * Makes `calls` calls, `concurrency` at a time, each as soon as an earlier one has ended, and measures them together with the
 * CPU that this process and others, ids by name, take meanwhile.
 */
export async function load(options: {
  calls: number;
  concurrency: number;
  processes: Readonly<Record<string, number>>;
  call: (number: number) => Promise<void>;
}): Promise<Measured> {
  const { calls, concurrency, processes, call } = options;
  const latenciesMs = new Float64Array(calls);
  let next = 0;
  const person = async (): Promise<void> => {
    while (next < calls) {
      const number = next++;
      const startedAt = performance.now();
      await call(number);
      latenciesMs[number] = performance.now() - startedAt;
    }
  };
  const cpuBefore = cpuUs(processes);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, person));
  const seconds = (performance.now() - startedAt) / 1000;
  const cpuUsByProcess = cpuUs(processes);
  for (const name of Object.keys(cpuUsByProcess))
    cpuUsByProcess[name] = (cpuUsByProcess[name] - cpuBefore[name]) / calls;
  latenciesMs.sort();
  const quantile = (q: number): number => latenciesMs[Math.min(calls - 1, Math.floor(q * calls))];
  return {
    calls,
    callsPerSecond: calls / seconds,
    cpuUsPerCall: Object.values(cpuUsByProcess).reduce((sum, time) => sum + time, 0),
    cpuUsByProcess,
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    p99Ms: quantile(0.99),
  };
}

/** Linux counts the time of other processes in hundredths of a second (USER_HZ). */
const TICK_US = 10_000;

/** User and system time so far, microseconds. */
function cpuUs(processes: Readonly<Record<string, number>>): Record<string, number> {
  const { user, system } = process.cpuUsage();
  const times: Record<string, number> = { caller: user + system };
  for (const [name, pid] of Object.entries(processes)) times[name] = cpuUsOf(pid);
  return times;
}

/** See proc_pid_stat(5): utime and stime are fields 14 and 15; field 2 may hold blanks. */
function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
