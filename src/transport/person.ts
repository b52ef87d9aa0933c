import { closeSync, openSync } from 'node:fs';

/**
 * Whether ssh can ask a person for a password. It does so at the terminal of the session, wherever stdin leads
 * to, or in a window where there is a display (`SSH_ASKPASS`). Under cron or systemd there is neither.
 */
export function canAskPerson(): boolean {
  const { DISPLAY = '', WAYLAND_DISPLAY = '', SSH_ASKPASS_REQUIRE } = process.env;
  return hasTerminal() || DISPLAY !== '' || WAYLAND_DISPLAY !== '' || SSH_ASKPASS_REQUIRE === 'force';
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    // For ssh, too, any failure means that there is none.
    return false;
  }
}
