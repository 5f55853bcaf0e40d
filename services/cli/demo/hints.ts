import pc from 'picocolors';

/** What to try next against the front door at `address`, as lines. */
export function hintLines(address: string, userId: string): string[] {
  const service = 'millrace.orchestrator.v1.OrchestratorService';
  const request = `'{"user_id": "${userId}", "limit": 5}'`;
  const local = address === '127.0.0.1:7100' ? '' : ` --address ${address}`;
  const entries: readonly [string, string][] = [
    ['ask for somebody else', `npx millrace ask user-0042 --explain${local}`],
    ['call it from anything (grpcurl)', `grpcurl -plaintext -d ${request} ${address} ${service}/Recommend`],
    ['see what there is', `grpcurl -plaintext ${address} list`],
    ['load it (ghz)', `ghz --insecure --call ${service}/Recommend -d ${request} -c 4 -z 10s ${address}`],
  ];
  return entries.flatMap(([what, line]) => [pc.dim(`# ${what}`), line]);
}
