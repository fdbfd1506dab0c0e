/**
 * A WebSocket of the API that outlives its token: the page gives it each new one.
 *
 * @module
 */
import { getAccessToken, onTokenChange } from "nolapse/react";

/** What the API says: that it took the token over, or the next number. */
export type SocketMessage = { readonly ok: true; readonly user: string } | { readonly count: number };

/** Who hears of the socket. */
export interface SocketListener {
  onMessage(message: SocketMessage): void;
  /** It was closed, with this code, and is opened again by itself. */
  onClose(code: number): void;
}

/** Keeps a socket open and authorized until the returned function is called. */
export function openSocket(url: string, { onMessage, onClose }: SocketListener): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let isOver = false;
  const authorize = (token: string): void => socket?.send(JSON.stringify({ token }));

  async function connect(): Promise<void> {
    try {
      const { accessToken } = await getAccessToken();
      if (isOver) return;
      socket = new WebSocket(url);
      socket.onopen = () => authorize(accessToken);
      socket.onmessage = ({ data }) => {
        failures = 0;
        onMessage(JSON.parse(String(data)) as SocketMessage);
      };
      socket.onclose = ({ code }) => {
        if (!isOver) onClose(code);
        again();
      };
    } catch {
      again();
    }
  }
  function again(): void {
    if (isOver) return;
    timer = setTimeout(
      () => void connect(),
      Math.min(1_000 * 2 ** failures++, 60_000) * (1 - Math.random() / 2),
    );
  }

  const stop = onTokenChange(({ accessToken }) => {
    if (socket?.readyState === WebSocket.OPEN) authorize(accessToken);
  });
  void connect();
  return () => {
    isOver = true;
    clearTimeout(timer);
    stop();
    socket?.close();
  };
}
