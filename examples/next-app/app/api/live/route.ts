import { getAccessToken } from "@/lib/auth";
import { liveStream } from "@/lib/live/stream";
import { problemFrom, statusOf } from "@/lib/problems";

/** The signed-in user's own events, as server-sent events. */
export async function GET(request: Request): Promise<Response> {
  try {
    const { grantRef, expiresAtMs } = await getAccessToken();
    return liveStream({ grantRef, expiresAtMs, signal: request.signal });
  } catch (error) {
    const problem = problemFrom(error);
    return Response.json(
      { problem },
      { status: statusOf(problem), headers: { "cache-control": "no-store" } },
    );
  }
}
