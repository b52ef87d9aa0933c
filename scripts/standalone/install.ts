/** Installs what `npm run build:standalone` needs, so that a later build needs no network. */
import { hostProcessor, runtimeFor } from './runtime.ts';

await runtimeFor(hostProcessor());
