/** Objects of the wire, as they arrive. Decimals are text; see the wire specification for units of time. */

export type Side = "Bid" | "Ask";
export type OrderType = "Limit" | "Market";
export type TimeInForce = "GTC" | "IOC" | "FOK";
export type SelfTrade = "RejectTaker" | "RejectMaker" | "RejectBoth";
export type OrderStatus =
  | "New"
  | "PartiallyFilled"
  | "Filled"
  | "Cancelled"
  | "Expired"
  | "TriggerPending"
  | "TriggerFailed";

export interface WireMarket {
  symbol: string;
  baseSymbol: string;
  quoteSymbol: string;
  marketType: string;
  orderBookState: "Open" | "Closed" | "CancelOnly" | "LimitOnly" | "PostOnly";
  visible: boolean;
  filters: {
    price: {
      tickSize: string;
      minPrice: string;
      maxPrice: string | null;
      maxImpactMultiplier?: string | null;
      minImpactMultiplier?: string | null;
    };
    quantity: { stepSize: string; minQuantity: string; maxQuantity: string | null };
  };
}

export interface WireAsset {
  symbol: string;
  displayName: string;
}

export interface WireStatus {
  status: "Ok" | "Maintenance";
  message?: string | null;
}

export interface WireTicker {
  symbol: string;
  firstPrice: string;
  lastPrice: string;
  high: string;
  low: string;
  volume: string;
  quoteVolume: string;
  trades: string;
}

/** Both sides ascend by price: the best bid is the last one. */
export interface WireDepth {
  bids: [string, string][];
  asks: [string, string][];
  lastUpdateId: string;
  timestamp: number;
}

/** Orders as [id, price, quantity shown]. */
export interface WireOrderBook {
  bids: [string, string, string][];
  asks: [string, string, string][];
  lastUpdateId: string;
}

export interface WireTrade {
  id: number;
  price: string;
  quantity: string;
  timestamp: number;
  isBuyerMaker: boolean;
}

export interface WireKline {
  start: string;
  end: string;
  open: string | null;
  high: string | null;
  low: string | null;
  close: string | null;
  volume: string;
  trades: string;
}

export interface WireOrder {
  id: string;
  clientId: number | null;
  symbol: string;
  side: Side;
  orderType: OrderType;
  status: OrderStatus;
  timeInForce: TimeInForce;
  quantity: string | null;
  quoteQuantity?: string | null;
  executedQuantity: string;
  executedQuoteQuantity: string;
  price?: string | null;
  postOnly?: boolean | null;
  triggerPrice?: string | null;
  triggerQuantity?: string | null;
  displayQuantity?: string | null;
  selfTradePrevention?: SelfTrade;
  createdAt: number;
}

export interface WireHistoryOrder extends Omit<WireOrder, "createdAt"> {
  createdAt: string;
  expiryReason?: string | null;
}

export interface WireFill {
  tradeId: number;
  orderId: string;
  symbol: string;
  side: Side;
  price: string;
  quantity: string;
  fee: string;
  feeSymbol: string;
  isMaker: boolean;
  timestamp: string;
}

export type WireBalances = Record<string, { available: string; locked: string; staked: string }>;

export interface WireDeposit {
  id: number;
  symbol: string;
  quantity: string;
  status: string;
  source: string;
  fromAddress: string | null;
  createdAt: string;
}

export interface WireWithdrawal {
  id: number;
  symbol: string;
  quantity: string;
  status: string;
  toAddress: string | null;
  createdAt: string;
}

/** Fees in basis points. */
export interface WireAccount {
  spotMakerFee: string | number;
  spotTakerFee: string | number;
}

export interface NewOrder {
  symbol: string;
  side: Side;
  orderType: OrderType;
  clientId: number;
  price?: string;
  quantity?: string;
  quoteQuantity?: string;
  timeInForce?: TimeInForce;
  postOnly?: boolean;
  triggerPrice?: string;
  triggerQuantity?: string;
  /** The part of an iceberg that the book shows. */
  displayQuantity?: string;
  selfTradePrevention?: SelfTrade;
  slippageTolerance?: string;
  slippageToleranceType?: "Percent";
}

/** What is not named stays as it is. */
export interface Amendment {
  price?: string;
  quantity?: string;
}

export interface SessionConfig {
  wsUrl: string;
  demo: boolean;
  /** Whether this browser has a session already. */
  signedIn: boolean;
}

export interface DemoSession {
  account: number;
  csrfToken: string;
  streamToken: string;
  wsUrl: string;
}

export interface UserSession extends DemoSession {
  /** None in the demo's own session. */
  name: string | null;
  secondFactor: boolean;
}
