import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cutSections } from '../../scripts/standalone/cut-sections.ts';
import { scratchFile } from '../support/scratch.ts';

const program = readFileSync('/bin/echo');

describe('an executable without its sections', () => {
  test('runs, and is shorter', () => {
    const cut = cutSections(program);
    expect(cut.byteLength).toBeLessThan(program.byteLength);
    const path = scratchFile(cut, 'echo');
    chmodSync(path, 0o755);
    expect(execFileSync(path, ['works'], { encoding: 'utf8' })).toBe('works\n');
  });

  test('has none left that could be cut', () => {
    const cut = cutSections(program);
    expect(cutSections(cut).equals(cut)).toBe(true);
  });

  test('is not made of another file', () => {
    expect(() => cutSections(Buffer.from('#!/bin/sh\n'))).toThrow('no 64-bit little-endian ELF file');
  });

  test('is not made of a file that is cut off', () => {
    const half = program.subarray(0, program.byteLength / 2);
    expect(() => cutSections(half)).toThrow('ends before its last segment');
  });
});
