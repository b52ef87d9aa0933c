/**
 * The section of the changelog about one version, without its heading.
 *
 * @throws {Error} if there is none.
 */
export function releaseNotes(changelog: string, version: string): string {
  const [, ...sections] = changelog.split(/^(?=## \[)/m);
  const section = sections.find((text) => text.startsWith(`## [${version}]`));
  if (section === undefined) throw new Error(`CHANGELOG.md has no section about ${version}`);
  return `${section.slice(section.indexOf('\n')).trim()}\n`;
}
