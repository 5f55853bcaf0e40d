import { Argument, Command } from 'commander';

type Main = () => Promise<void>;

/** Each service's program; loaded only when it is the one that runs. */
const PROGRAMS: Readonly<Record<string, () => Promise<{ main: Main }>>> = {
  all: () => import('../../deploy/all-in-one.ts'),
  orchestrator: () => import('../orchestrator/main.ts'),
  candidates: () => import('../candidates/main.ts'),
  filtering: () => import('../filtering/main.ts'),
  ranking: () => import('../ranking/main.ts'),
  reranking: () => import('../reranking/main.ts'),
  features: () => import('../features/main.ts'),
  logging: () => import('../logging/main.ts'),
};

/** `millrace serve NAME`: one service, or all in one process, until SIGTERM or SIGINT; then it drains. */
export function serveCommand(): Command {
  const name = new Argument('<service>', '"all" runs every service in this process').choices(
    Object.keys(PROGRAMS),
  );
  return new Command('serve')
    .description('serve all of Millrace in one process, or one service')
    .addArgument(name)
    .addHelpText('after', HELP)
    .action(async (service: string) => {
      const { main } = await PROGRAMS[service]();
      await main();
    });
}

const HELP = `
Settings come from $MILLRACE_HOME/millrace.yaml (or MILLRACE_CONFIG) and from variables like
MILLRACE__ADDRESSES__ORCHESTRATOR=127.0.0.1:7200. A fault in them ends the program with 2 and names the field.
MILLRACE_LOG_LEVEL (default info) sets what is logged to standard error.`;
