import { html, type Html } from './html.ts';

/** A table that may be wider than a phone. The keyboard reaches it, so that it can be scrolled. */
export function scrollable(name: string, table: Html): Html {
  return html`<div class="scroll" role="group" aria-label="${name}" tabindex="0">${table}</div>`;
}

/** A table of numbers, each row with its header first. */
export function dataTable(
  name: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): Html {
  return scrollable(
    name,
    html`<table>
      <thead>
        <tr>
          ${columns.map((column) => html`<th scope="col" class="n">${column}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first = '', ...others]) =>
            html`<tr>
              <th scope="row" class="n">${first}</th>
              ${others.map((cell) => html`<td class="n">${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`,
  );
}
