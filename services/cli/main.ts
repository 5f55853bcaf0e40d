import { Command } from 'commander';
import { projectVersion } from '../../common/root.ts';

const program = new Command('millrace')
  .description('Millrace: a multi-stage recommender')
  .version(projectVersion)
  .showHelpAfterError();

await program.parseAsync();
