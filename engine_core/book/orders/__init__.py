"""What becomes of an order: checks, plan, execution, settlement, its end; triggers, timers, changes."""
