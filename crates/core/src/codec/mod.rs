//! Venue bytes to market events. One folder a venue; no venue knows another.
