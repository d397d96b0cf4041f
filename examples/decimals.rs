//! Money and more in fixed point: numbers of 128 bits with 18 decimals, by the SDK's integers. Products and
//! quotients go through 256 bits, so that nothing is lost on the way; roundings are to even. Computes the
//! constants e and pi, a plan of repayment, and many random dealings whose books must balance. The size is
//! the number of dealings.
//!
//! test-args: 500

use dotvm_sdk::{i128, I128, I256, U256};
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

fn main() {
    let dealings = size_argument(1_200_000);
    println!("e       {}", e());
    println!("pi      {}", pi());
    println!("root 2  {}", Decimal::from(2).sqrt());
    println!("2 / 3   {}", Decimal::from(2) / Decimal::from(3));
    println!("-2 / 3  {}", -(Decimal::from(2) / Decimal::from(3)));
    repayment(
        Decimal::from(250_000),
        Decimal::from(3) / Decimal::from(100),
        12 * 20,
    );
    deal(dealings);
}

/// A number with 18 decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Decimal(I128);

impl Decimal {
    const UNIT: I128 = i128!(1_000_000_000_000_000_000);
    const ZERO: Decimal = Decimal(I128::ZERO);
    const ONE: Decimal = Decimal(Self::UNIT);

    /// The quotient of integers, rounded to the nearest, and of two to the even one.
    fn quotient(dividend: I256, divisor: I256) -> Decimal {
        let (quotient, rest) = dividend.wrapping_div_rem(divisor);
        let twice = rest.unsigned_abs() << 1;
        let up =
            twice > divisor.unsigned_abs() || twice == divisor.unsigned_abs() && quotient.bit(0);
        let step = match dividend.is_negative() == divisor.is_negative() {
            true => I256::ONE,
            false => I256::MINUS_ONE,
        };
        let rounded = if up { quotient + step } else { quotient };
        Decimal(I128::try_from(rounded).expect("no overflow"))
    }

    /// The square root, rounded down.
    fn sqrt(self) -> Decimal {
        let scaled = U256::try_from(I256::from(self.0) * I256::from(Self::UNIT));
        let root = scaled.expect("not negative").isqrt();
        Decimal(I128::try_from(root).expect("a root is smaller"))
    }

    fn pow(self, exponent: u32) -> Decimal {
        (0..exponent).fold(Decimal::ONE, |power, _| power * self)
    }

    /// With two decimals.
    fn cents(self) -> Decimal {
        let cent = I256::from(Self::UNIT) / I256::from(100);
        let cents = Decimal::quotient(I256::from(self.0), cent).0;
        Decimal(cents * I128::try_from(cent).expect("a small number"))
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Decimal {
        Decimal(I128::from(number) * Self::UNIT)
    }
}

impl Add for Decimal {
    type Output = Decimal;

    fn add(self, other: Decimal) -> Decimal {
        Decimal(self.0 + other.0)
    }
}

impl Sub for Decimal {
    type Output = Decimal;

    fn sub(self, other: Decimal) -> Decimal {
        Decimal(self.0 - other.0)
    }
}

impl Neg for Decimal {
    type Output = Decimal;

    fn neg(self) -> Decimal {
        Decimal(-self.0)
    }
}

impl Mul for Decimal {
    type Output = Decimal;

    fn mul(self, other: Decimal) -> Decimal {
        let product = I256::from(self.0) * I256::from(other.0);
        Decimal::quotient(product, I256::from(Self::UNIT))
    }
}

impl Div for Decimal {
    type Output = Decimal;

    fn div(self, other: Decimal) -> Decimal {
        let dividend = I256::from(self.0) * I256::from(Self::UNIT);
        Decimal::quotient(dividend, I256::from(other.0))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = self.0.wrapping_div_rem(Self::UNIT);
        let sign = if self.0.is_negative() { "-" } else { "" };
        write!(f, "{sign}{}", whole.abs())?;
        match format!("{:018}", rest.abs()).trim_end_matches('0') {
            "" => Ok(()),
            decimals => write!(f, ".{decimals}"),
        }
    }
}

/// The sum of the inverse factorials.
fn e() -> Decimal {
    let (mut sum, mut term) = (Decimal::ONE, Decimal::ONE);
    for n in 1.. {
        term = term / Decimal::from(n);
        if term == Decimal::ZERO {
            break;
        }
        sum = sum + term;
    }
    sum
}

/// 16 arctan(1/5) - 4 arctan(1/239) (Machin).
fn pi() -> Decimal {
    let arctan_of_inverse = |n: i64| {
        let square = Decimal::from(n * n);
        let (mut sum, mut power) = (Decimal::ZERO, Decimal::ONE / Decimal::from(n));
        let mut k = 0;
        while power != Decimal::ZERO {
            let term = power / Decimal::from(2 * k + 1);
            sum = if k % 2 == 0 { sum + term } else { sum - term };
            power = power / square;
            k += 1;
        }
        sum
    };
    Decimal::from(16) * arctan_of_inverse(5) - Decimal::from(4) * arctan_of_inverse(239)
}

/// A loan paid back in equal monthly parts.
fn repayment(loan: Decimal, yearly: Decimal, months: u32) {
    let rate = yearly / Decimal::from(12);
    let growth = (Decimal::ONE + rate).pow(months);
    let part = (loan * rate * growth / (growth - Decimal::ONE)).cents();
    let (mut owed, mut interest) = (loan, Decimal::ZERO);
    let mut last = Decimal::ZERO;
    while owed > Decimal::ZERO {
        let due = (owed * rate).cents();
        last = if owed + due < part { owed + due } else { part };
        owed = owed + due - last;
        interest = interest + due;
    }
    println!("{months} parts of {part}, the last of {last}; interest {interest}");
}

/// Accounts that trade with each other at random prices. What one gets another gives.
fn deal(dealings: u32) {
    const ACCOUNTS: usize = 64;
    let mut money = [Decimal::from(1_000_000); ACCOUNTS];
    let mut goods = [Decimal::from(1_000); ACCOUNTS];
    let mut random = 0x0123_4567_89ab_cdefu64;
    let mut draw = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % bound
    };
    let mut turnover = Decimal::ZERO;
    for _ in 0..dealings {
        let (buyer, seller) = (
            draw(ACCOUNTS as u64) as usize,
            draw(ACCOUNTS as u64) as usize,
        );
        let price = Decimal::from(draw(1_000) as i64 + 1) / Decimal::from(draw(97) as i64 + 1);
        // A share of what the seller has, but no more than the buyer can pay.
        let offered = goods[seller] * Decimal::from(draw(100) as i64) / Decimal::from(1_000);
        let affordable = money[buyer] / price;
        let amount = if offered < affordable {
            offered
        } else {
            affordable
        };
        let paid = (amount * price).cents();
        goods[seller] = goods[seller] - amount;
        goods[buyer] = goods[buyer] + amount;
        money[buyer] = money[buyer] - paid;
        money[seller] = money[seller] + paid;
        turnover = turnover + paid;
    }
    let sum = |accounts: &[Decimal]| accounts.iter().fold(Decimal::ZERO, |sum, &a| sum + a);
    let richest = money.iter().max().expect("accounts");
    println!("{dealings} dealings of {turnover}; the richest has {richest}");
    println!("money {}, goods {}", sum(&money), sum(&goods));
}

/// The size given as the first argument, or the default.
fn size_argument(default: u32) -> u32 {
    match std::env::args().nth(1) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("the size must be a whole number, not {text:?}");
            std::process::exit(2)
        }),
    }
}
