import { Command } from 'commander';
import { asMillraceError } from '../../common/errors.ts';
import { projectVersion } from '../../common/root.ts';
import { askCommand } from './ask.ts';
import { bundlesCommand } from './bundles.ts';
import { demoCommand } from './demo.ts';
import { evaluateCommand } from './evaluate.ts';
import { importCommand } from './import.ts';
import { serveCommand } from './serve.ts';
import { trainCommand } from './train.ts';

const program = new Command('millrace')
  .description('Millrace: a multi-stage recommender. State is kept in MILLRACE_HOME (default ./.millrace).')
  .version(projectVersion)
  .showHelpAfterError('(--help says more)')
  .addCommand(importCommand())
  .addCommand(trainCommand())
  .addCommand(evaluateCommand())
  .addCommand(bundlesCommand())
  .addCommand(serveCommand())
  .addCommand(askCommand())
  .addCommand(demoCommand());

try {
  await program.parseAsync();
} catch (error) {
  const { message, reason } = asMillraceError(error);
  process.stderr.write(`millrace: ${message}\n`);
  process.exitCode = reason === 'CONFIG_INVALID' ? 2 : 1;
}
