import { Command } from 'commander';
import { asMillraceError } from '../../common/errors.ts';
import { projectVersion } from '../../common/root.ts';

/** Every command; loaded only when it runs, or when the help names them all. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  import: async () => (await import('./import.ts')).importCommand(),
  train: async () => (await import('./train.ts')).trainCommand(),
  evaluate: async () => (await import('./evaluate.ts')).evaluateCommand(),
  pareto: async () => (await import('./pareto.ts')).paretoCommand(),
  bundles: async () => (await import('./bundles.ts')).bundlesCommand(),
  ope: async () => (await import('./ope.ts')).opeCommand(),
  features: async () => (await import('./features.ts')).featuresCommand(),
  rules: async () => (await import('./rules.ts')).rulesCommand(),
  lake: async () => (await import('./lake.ts')).lakeCommand(),
  privacy: async () => (await import('./privacy.ts')).privacyCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  ask: async () => (await import('./ask.ts')).askCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
};

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const program = new Command('millrace')
  .description('Millrace: a multi-stage recommender. State is kept in MILLRACE_HOME (default ./.millrace).')
  .version(projectVersion)
  .showHelpAfterError('(--help says more)');

const { [process.argv[2]]: chosen } = COMMANDS;
for (const load of chosen === undefined ? Object.values(COMMANDS) : [chosen])
  program.addCommand(await load());

try {
  await program.parseAsync();
} catch (error) {
  const { message, reason } = asMillraceError(error);
  process.stderr.write(`millrace: ${message}\n`);
  process.exitCode = reason === 'CONFIG_INVALID' ? 2 : 1;
}
