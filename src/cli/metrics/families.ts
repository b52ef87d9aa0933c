/** What is measured of a job. Times are in milliseconds since 1970, and durations in milliseconds. */
export interface JobMeasures {
  readonly success: 0 | 1;
  /** 0: never, as far as is known. */
  readonly lastSuccessMs: number;
  /** When it ended. 0: never. */
  readonly lastRunMs: number;
  /** What follows is left out where it is unknown, such as after a failure. */
  readonly durationMs?: number;
  readonly attempts?: number;
  readonly differingBytes?: number;
  readonly writtenBytes?: number;
  readonly sourceReadBytes?: number;
  readonly targetReadBytes?: number;
  readonly sentBytes?: number;
  readonly receivedBytes?: number;
}

export type Measure = keyof JobMeasures;

/** A metric of Prometheus, and the measures of a job that are its samples. All are gauges. */
export interface Family {
  readonly name: string;
  /** One line without a backslash. */
  readonly help: string;
  readonly unit: 'seconds' | 'bytes' | 'number';
  readonly samples: readonly Sample[];
}

/** A label tells the samples of one family apart. */
export interface Sample {
  readonly measure: Measure;
  readonly device?: 'source' | 'target';
}

/** In the order of the file. */
export const families: readonly Family[] = [
  {
    name: 'basyn_job_success',
    help: 'Whether the last run of the job succeeded: 1 or 0.',
    unit: 'number',
    samples: [{ measure: 'success' }],
  },
  {
    name: 'basyn_job_last_success_timestamp_seconds',
    help: 'When the job last succeeded, in seconds since 1970. 0 if it is not known to have succeeded.',
    unit: 'seconds',
    samples: [{ measure: 'lastSuccessMs' }],
  },
  {
    name: 'basyn_job_last_run_timestamp_seconds',
    help: 'When the last run of the job ended, in seconds since 1970. 0 if it is not known to have run.',
    unit: 'seconds',
    samples: [{ measure: 'lastRunMs' }],
  },
  {
    name: 'basyn_job_duration_seconds',
    help: 'Duration of the last run of the job, with its commands.',
    unit: 'seconds',
    samples: [{ measure: 'durationMs' }],
  },
  {
    name: 'basyn_job_attempts',
    help: 'Attempts of the last run of the job. More than 1 if the link failed, and 0 if the job was skipped.',
    unit: 'number',
    samples: [{ measure: 'attempts' }],
  },
  {
    name: 'basyn_job_differing_bytes',
    help: 'Bytes in which source and target differed in the last run of the job.',
    unit: 'bytes',
    samples: [{ measure: 'differingBytes' }],
  },
  {
    name: 'basyn_job_written_bytes',
    help: 'Bytes that the last run of the job wrote to the target.',
    unit: 'bytes',
    samples: [{ measure: 'writtenBytes' }],
  },
  {
    name: 'basyn_job_read_bytes',
    help: 'Bytes that the last run of the job read of each device to compare or copy it.',
    unit: 'bytes',
    samples: [
      { measure: 'sourceReadBytes', device: 'source' },
      { measure: 'targetReadBytes', device: 'target' },
    ],
  },
  {
    name: 'basyn_job_sent_bytes',
    help: 'Bytes that the last run of the job sent to the host.',
    unit: 'bytes',
    samples: [{ measure: 'sentBytes' }],
  },
  {
    name: 'basyn_job_received_bytes',
    help: 'Bytes that the last run of the job received from the host.',
    unit: 'bytes',
    samples: [{ measure: 'receivedBytes' }],
  },
];
