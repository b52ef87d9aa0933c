/**
 * `tsx --import ./scripts/register.ts FILE` runs a file that imports the sources themselves: it resolves the
 * `basyn:` modules and the version that the build would insert.
 */
import { register } from 'node:module';
import { version, virtualModules } from './bundle.ts';

const names = Object.keys(virtualModules);
const modules = await Promise.all(Object.values(virtualModules).map((make) => make()));

// Hooks run in a separate thread without tsx, so they are plain text and get the modules as data.
const hooks = `
  let modules;
  export function initialize(data) { modules = data; }
  export function resolve(name, context, next) {
    if (modules.has(name)) return { url: name, format: 'module', shortCircuit: true };
    // A path can't be resolved from a module that has none itself.
    return next(name.startsWith('/') ? 'file://' + name : name, context);
  }
  export function load(url, context, next) {
    return modules.has(url) ? { source: modules.get(url), format: 'module', shortCircuit: true } : next(url, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`, {
  data: new Map(names.map((name, index) => [name, modules[index]?.source])),
});
Object.assign(globalThis, { __BASYN_VERSION__: version });
