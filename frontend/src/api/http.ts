/** One HTTP request to the exchange: JSON in and out, failures as ApiError. Non-goal: what the answers mean. */

const TIMEOUT_MS = 10_000;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** Whether the exchange may have acted although no response arrived. */
  get outcomeUnknown(): boolean {
    return this.status === 0 || this.code === "TIMEOUT";
  }
}

export interface Answer<T> {
  body: T;
  roundTripMs: number;
}

export type Query = Record<string, string | number | undefined>;

function address(path: string, query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
  return pairs.length ? `${path}?${new URLSearchParams(pairs).toString()}` : path;
}

async function failure(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as { code?: string; message?: string };
    return new ApiError(response.status, body.code ?? "ERROR", body.message ?? `The exchange answered ${response.status}`);
  } catch {
    return new ApiError(response.status, "ERROR", `The exchange answered ${response.status} without a reason`);
  }
}

export async function request<T>(
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  options: { query?: Query; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const started = performance.now();
  let response: Response | null = null;
  try {
    response = await fetch(address(path, options.query ?? {}), {
      method,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: options.body === undefined ? (options.headers ?? {}) : { "Content-Type": "application/json", ...options.headers },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    if (response.ok) return { body: (await response.json()) as T, roundTripMs: performance.now() - started };
  } catch {
    // not reached, or lost before the end of its answer
    throw new ApiError(0, "UNREACHABLE", "The exchange did not answer");
  }
  throw await failure(response);
}
