//! Orders for the cycle thread, in the order in which they came.
//!
//! Orders that come while a cycle runs wait here: they are done one after the other when it has ended. Rolls
//! that wait next to each other become one cycle, because one load answers them all; so any number of signals
//! and requests during a cycle is followed by exactly one more.

use std::collections::VecDeque;

use crossbeam::channel::Receiver;

use crate::board::{Order, Ticket};

/// The waiting orders.
#[derive(Debug)]
pub struct Inbox {
    orders: Receiver<Order>,
    waiting: VecDeque<Order>,
    stopping: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// Go on.
    On,
    /// The daemon is to stop.
    Stop,
}

impl Inbox {
    /// An empty inbox at the end of `orders`.
    #[must_use]
    pub fn new(orders: Receiver<Order>) -> Self {
        Self { orders, waiting: VecDeque::new(), stopping: false }
    }

    /// The next order; waits for one. [`Order::Stop`] comes before everything else.
    pub fn next_order(&mut self) -> Order {
        loop {
            self.collect();
            if self.stopping {
                return Order::Stop;
            }
            if let Some(order) = self.waiting.pop_front() {
                return order;
            }
            match self.orders.recv() {
                Ok(order) => self.keep(order),
                // Nobody is left who could order anything.
                Err(_) => return Order::Stop,
            }
        }
    }

    /// Takes all rolls that directly follow, to be answered by one cycle.
    pub fn take_rolls(&mut self) -> Vec<Ticket> {
        self.collect();
        let mut tickets = Vec::new();
        while let Some(Order::Roll(ticket)) = self.waiting.front() {
            tickets.extend(*ticket);
            self.waiting.pop_front();
        }
        tickets
    }

    /// What to wait on beside something else; hand what comes to [`Self::keep`].
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Order> {
        &self.orders
    }

    /// Keeps an order for later.
    pub fn keep(&mut self, order: Order) {
        if matches!(order, Order::Stop) {
            self.stopping = true;
        } else {
            self.waiting.push_back(order);
        }
    }

    /// Whether the daemon is to stop, looked up now.
    pub fn go(&mut self) -> Go {
        self.collect();
        if self.stopping { Go::Stop } else { Go::On }
    }

    fn collect(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.keep(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam::channel::unbounded;

    use super::*;

    #[test]
    fn rolls_that_wait_are_one_cycle_up_to_the_next_other_order() {
        let (sender, receiver) = unbounded();
        let mut inbox = Inbox::new(receiver);
        for order in [
            Order::Roll(None),
            Order::Roll(Some(Ticket(1))),
            Order::Roll(Some(Ticket(2))),
            Order::Rollback { to: None, ticket: None },
            Order::Roll(Some(Ticket(3))),
        ] {
            sender.send(order).unwrap();
        }
        assert!(matches!(inbox.next_order(), Order::Roll(None)));
        assert_eq!(inbox.take_rolls(), [Ticket(1), Ticket(2)]);
        assert!(matches!(inbox.next_order(), Order::Rollback { .. }));
        assert!(matches!(inbox.next_order(), Order::Roll(Some(Ticket(3)))));
        assert_eq!(inbox.take_rolls(), []);
    }

    #[test]
    fn stop_overtakes_what_waits_and_a_lost_channel_is_a_stop() {
        let (sender, receiver) = unbounded();
        let mut inbox = Inbox::new(receiver);
        sender.send(Order::Roll(None)).unwrap();
        assert_eq!(inbox.go(), Go::On);
        sender.send(Order::Stop).unwrap();
        assert_eq!(inbox.go(), Go::Stop);
        assert!(matches!(inbox.next_order(), Order::Stop));
        let (_, receiver) = unbounded();
        assert!(matches!(Inbox::new(receiver).next_order(), Order::Stop));
    }
}
