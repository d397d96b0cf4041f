//! Orders of a shop: structures, words of 128 bits, functions that are inlined. For sessions of the debugger.

#[derive(Clone, Copy)]
struct Money {
    cents: u128,
}

struct Order {
    number: u32,
    price: Money,
    quantities: [u16; 4],
    note: Option<&'static str>,
}

#[inline(always)]
fn discounted(price: u128, percent: u128) -> u128 {
    let part = price * percent;
    price - part / 100
}

#[inline(never)]
fn total(orders: &[Order]) -> u128 {
    let mut sum = 0;
    for order in orders {
        let count: u16 = order.quantities.iter().sum();
        let price = discounted(order.price.cents, u128::from(order.number) % 10);
        sum += price * u128::from(count);
    }
    sum
}

fn main() {
    let orders: Vec<Order> = (0..20)
        .map(|number| Order {
            number,
            price: Money { cents: (1 << 70) + u128::from(number) },
            quantities: [number as u16, 1, 2, 3],
            note: (number % 2 == 0).then_some("even"),
        })
        .collect();
    let sum = total(&orders);
    println!("{sum} {:?}", orders[19].note);
}
