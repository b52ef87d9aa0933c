import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root, version } from '../bundle.ts';

const run = promisify(execFile);

/** The fields of CycloneDX that are changed here. npm writes the others. */
interface Bill {
  serialNumber: string;
  metadata: { timestamp: string; component: { name: string } };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version?: string;
  readonly [field: string]: unknown;
}

/** Software in the program that is not a package of npm: its name, its version if it is known, and its licence. */
export interface Part {
  readonly name: string;
  readonly version?: string;
  readonly license: string;
}

/**
 * The bill of materials in the format of CycloneDX: what `npm sbom` says about the packages that are bundled, and what is compiled
 * into them. Packages that only the build uses are not in it.
 *
 * @param further what a program contains besides that.
 * @throws {Error} if a bundled package is not in the lock file.
 */
export async function billOfMaterials(date: Date, further: readonly Part[] = []): Promise<string> {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const { stdout } = await run('npm', args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
  const bill = JSON.parse(stdout) as Bill;
  const bundled = [...(await bundledParts()), ...further];
  bill.components = bundled.map((part) => componentOf(part, bill.components));
  bill.dependencies = [
    { ref: `basyn@${version}`, dependsOn: bill.components.map((component) => component['bom-ref']) },
  ];
  // npm takes the name of the directory, the present time, and a random number.
  bill.metadata.component.name = 'basyn';
  bill.metadata.timestamp = date.toISOString();
  bill.serialNumber = serialNumberOf(JSON.stringify(bill.components) + version);
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** What dist/licenses.txt names: "valibot 1.5.0 (MIT)" or "zstd (BSD-3-Clause)". */
async function bundledParts(): Promise<Part[]> {
  const licences = await readFile(join(root, 'dist/licenses.txt'), 'utf8');
  return licences.split(`\n${'-'.repeat(72)}\n\n`).map((section) => {
    const { name, partVersion, license } =
      /^(?<name>\S+)(?: (?<partVersion>\S+))? \((?<license>.+)\)$/m.exec(section)?.groups ?? {};
    if (name === undefined || license === undefined) throw new Error('dist/licenses.txt has an unknown form');
    return { name, license, ...(partVersion !== undefined && { version: partVersion }) };
  });
}

function componentOf(part: Part, known: readonly Component[]): Component {
  const scope = { scope: 'required', properties: [] };
  const component = known.find(({ name, version: other }) => name === part.name && other === part.version);
  if (component !== undefined) return { ...component, ...scope };
  return {
    'bom-ref': part.version === undefined ? part.name : `${part.name}@${part.version}`,
    type: 'library',
    name: part.name,
    ...(part.version !== undefined && { version: part.version }),
    ...scope,
    licenses: [{ license: { id: part.license } }],
  };
}

/** A UUID that depends on the content only. */
function serialNumberOf(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return `urn:uuid:${[...groups, hex.slice(20, 32)].join('-')}`;
}
