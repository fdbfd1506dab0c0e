/**
 * Something worth protecting: each user's orders.
 *
 * @module
 */

/** One order. */
export interface Order {
  readonly id: string;
  readonly item: { readonly en: string; readonly ko: string };
  readonly priceKrw: number;
  readonly status: "preparing" | "shipped" | "delivered";
}

const ITEMS: readonly Omit<Order, "id">[] = [
  { item: { en: "Hand drip kettle", ko: "핸드드립 주전자" }, priceKrw: 48_000, status: "delivered" },
  { item: { en: "Desk lamp", ko: "책상 조명" }, priceKrw: 89_000, status: "shipped" },
  { item: { en: "Linen notebook", ko: "리넨 노트" }, priceKrw: 12_500, status: "preparing" },
  { item: { en: "Walnut tray", ko: "호두나무 트레이" }, priceKrw: 36_000, status: "shipped" },
  { item: { en: "Wool blanket", ko: "울 담요" }, priceKrw: 129_000, status: "delivered" },
];

/** The user's three orders: the same at every call, and others than another user's. */
export function ordersOf(user: string): readonly Order[] {
  const first = [...user].reduce((sum, character) => sum + character.charCodeAt(0), 0);
  return [0, 1, 2].map((place) => {
    const number = (first + place) % ITEMS.length;
    return {
      id: `${user.slice(0, 1).toUpperCase()}-${1000 + first + place}`,
      ...(ITEMS[number] as Omit<Order, "id">),
    };
  });
}
