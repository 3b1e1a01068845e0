//! iceoryx2 publish-subscribe, where the publisher waits for a slow subscriber: nothing is lost, as with the others.
//!
//! A subscriber that finds nothing looks again and again, and yields, as long as a waiter of ours does before it sleeps;
//! it never sleeps, which costs a processor and is to its advantage here.

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::PortFactory as _;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

use super::{Channel, unique_name};

type Service = PortFactory<ipc::Service, [u8], ()>;

struct Iceoryx {
    name: String,
    capacity: usize,
    bytes: usize,
    in_place: bool,
    end: Option<End>,
}

/// What a process has of it: made after the fork.
struct End {
    publisher: Option<Publisher<ipc::Service, [u8], ()>>,
    subscriber: Option<Subscriber<ipc::Service, [u8], ()>>,
    _service: Service,
    _node: Node<ipc::Service>,
}

fn channel(capacity: usize, bytes: usize, in_place: bool) -> Option<Box<dyn Channel>> {
    set_log_level(LogLevel::Fatal);
    Some(Box::new(Iceoryx { name: unique_name(), capacity, bytes, in_place, end: None }))
}

/// Copies in and out.
pub fn copied(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    channel(capacity, bytes, false)
}

/// Loans, of which a line is touched.
pub fn loaned(capacity: usize, bytes: usize) -> Option<Box<dyn Channel>> {
    channel(capacity, bytes, true)
}

impl Iceoryx {
    /// Says how many subscribers have it.
    fn send_to(&self, publisher: &Publisher<ipc::Service, [u8], ()>, bytes: &[u8]) -> usize {
        let mut sample = publisher.loan_slice_uninit(bytes.len()).expect("a loan");
        let sample = if self.in_place {
            let touched = bytes.len().min(64);
            sample.payload_mut()[..touched].write_copy_of_slice(&bytes[..touched]);
            // SAFETY: bytes are whatever they are; nobody looks at the others.
            unsafe { sample.assume_init() }
        } else {
            sample.write_from_slice(bytes)
        };
        sample.send().expect("send")
    }
}

impl Channel for Iceoryx {
    fn start(&mut self, sends: bool) {
        let node = NodeBuilder::new().create::<ipc::Service>().expect("a node");
        let name: ServiceName = self.name.as_str().try_into().expect("a name");
        let service = loop {
            // Two that create at the same time get in each other's way.
            let made = node
                .service_builder(&name)
                .publish_subscribe::<[u8]>()
                .enable_safe_overflow(false)
                .history_size(0)
                .subscriber_max_buffer_size(self.capacity)
                .max_publishers(4)
                .max_subscribers(1)
                .open_or_create();
            match made {
                Ok(service) => break service,
                Err(_) => std::thread::yield_now(),
            }
        };
        let (mut publisher, mut subscriber) = (None, None);
        if sends {
            let builder = service.publisher_builder().initial_max_slice_len(self.bytes);
            let made = builder.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered).create();
            publisher = Some(made.expect("a publisher"));
            while service.dynamic_config().number_of_subscribers() == 0 {
                std::thread::yield_now();
            }
        } else {
            subscriber = Some(service.subscriber_builder().create().expect("a subscriber"));
        }
        self.end = Some(End { publisher, subscriber, _service: service, _node: node });
    }

    fn send(&mut self, bytes: &[u8]) {
        let publisher = self.end.as_ref().and_then(|end| end.publisher.as_ref()).expect("started");
        // A subscriber that is listed may not be connected yet: then nobody has had the message.
        while self.send_to(publisher, bytes) == 0 {
            std::thread::yield_now();
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> usize {
        let subscriber = self.end.as_ref().and_then(|end| end.subscriber.as_ref()).expect("started");
        let mut looks = 0;
        let sample = loop {
            match subscriber.receive().expect("receive") {
                Some(sample) => break sample,
                None if looks < 100 => {
                    looks += 1;
                    std::hint::spin_loop();
                }
                None => std::thread::yield_now(),
            }
        };
        let bytes = sample.payload();
        let copied = if self.in_place { bytes.len().min(64) } else { bytes.len() };
        buffer[..copied].copy_from_slice(&bytes[..copied]);
        bytes.len()
    }
}
