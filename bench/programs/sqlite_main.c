/*
 * A database session in memory, as a benchmark of a large program: creates tables, fills them, and
 * runs queries that join, group, sort, recurse and search text. SQLite itself is the amalgamation
 * that build.sh fetches. The first line is printed as soon as the first statement has run, so that
 * the time to first output can be measured. The argument is the number of orders (default 90000).
 * The output is the same on every machine: all random numbers come from a generator with a fixed
 * seed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "sqlite3.h"

enum {
    ORDERS_DEFAULT = 90000,
    ORDERS_MAX = 10000000,
    CUSTOMERS = 500,
    PRODUCTS = 120,
    EXIT_USAGE = 2
};

static sqlite3 *database;

/* Ends the program with the database's last error. */
static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(database));
    exit(1);
}

/* Marsaglia's xorshift generator; a number below `limit`. */
static uint32_t random_below(uint32_t limit)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(((state >> 32) * limit) >> 32);
}

static void run(const char *sql)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        fail(sql);
    return statement;
}

/* Executes a statement that returns no rows and makes it ready for the next time. */
static void step(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK)
        fail(sqlite3_sql(statement));
}

/* Runs a query and prints its rows, columns separated by bars. */
static void query(const char *title, const char *sql)
{
    sqlite3_stmt *statement = prepare(sql);
    int result;
    printf("-- %s\n", title);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        int columns = sqlite3_column_count(statement);
        for (int i = 0; i < columns; i++) {
            const unsigned char *text = sqlite3_column_text(statement, i);
            printf("%s%s", i > 0 ? "|" : "", text ? (const char *)text : "NULL");
        }
        putchar('\n');
    }
    if (result != SQLITE_DONE)
        fail(sql);
    sqlite3_finalize(statement);
    fflush(stdout);
}

static void create_tables(void)
{
    run("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);"
        "CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT NOT NULL, cents INTEGER NOT NULL);"
        "CREATE TABLE purchase ("
        "  id INTEGER PRIMARY KEY,"
        "  customer INTEGER NOT NULL REFERENCES customer,"
        "  product INTEGER NOT NULL REFERENCES product,"
        "  day INTEGER NOT NULL,"
        "  quantity INTEGER NOT NULL,"
        "  note TEXT);");
}

static void fill_customers(void)
{
    static const char *const names[] = {"Ada", "Grace", "Edsger", "Barbara", "Niklaus", "Łukasz"};
    static const char *const cities[] = {"Zürich", "Boston", "Kraków", "Kyoto", "Lagos"};
    sqlite3_stmt *insert =
        prepare("INSERT INTO customer VALUES (?1, printf('%s %03d', ?2, ?1), ?3)");
    for (int id = 1; id <= CUSTOMERS; id++) {
        sqlite3_bind_int(insert, 1, id);
        sqlite3_bind_text(insert, 2, names[random_below(6)], -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 3, cities[random_below(5)], -1, SQLITE_STATIC);
        step(insert);
    }
    sqlite3_finalize(insert);
}

static void fill_products(void)
{
    sqlite3_stmt *insert = prepare("INSERT INTO product VALUES (?1, 'product ' || hex(?2), ?3)");
    for (int id = 1; id <= PRODUCTS; id++) {
        sqlite3_bind_int(insert, 1, id);
        sqlite3_bind_int(insert, 2, (int)random_below(1000000));
        sqlite3_bind_int(insert, 3, 50 + (int)random_below(20000));
        step(insert);
    }
    sqlite3_finalize(insert);
}

static void fill_purchases(int orders)
{
    static const char *const words[] = {"urgent", "gift", "fragile", "reorder", "express", "bulk"};
    sqlite3_stmt *insert = prepare("INSERT INTO purchase VALUES (NULL, ?1, ?2, ?3, ?4, ?5)");
    char note[64];
    for (int i = 0; i < orders; i++) {
        sqlite3_bind_int(insert, 1, 1 + (int)random_below(CUSTOMERS));
        sqlite3_bind_int(insert, 2, 1 + (int)random_below(PRODUCTS));
        sqlite3_bind_int(insert, 3, (int)random_below(365));
        sqlite3_bind_int(insert, 4, 1 + (int)random_below(9));
        if (random_below(4) == 0) {
            sqlite3_bind_null(insert, 5);
        } else {
            const char *first = words[random_below(6)];
            const char *second = words[random_below(6)];
            snprintf(note, sizeof note, "%s, %s, ref %u", first, second, random_below(100000));
            sqlite3_bind_text(insert, 5, note, -1, SQLITE_TRANSIENT);
        }
        step(insert);
    }
    sqlite3_finalize(insert);
}

static void run_queries(void)
{
    query("turnover by city",
          "SELECT city, count(*), sum(quantity * cents) / 100.0 AS turnover"
          " FROM purchase JOIN customer ON customer.id = customer"
          " JOIN product ON product.id = product GROUP BY city ORDER BY turnover DESC");
    query("best customers",
          "SELECT customer.name, city, sum(quantity * cents) AS spent FROM purchase"
          " JOIN customer ON customer.id = customer JOIN product ON product.id = product"
          " GROUP BY customer.id ORDER BY spent DESC, customer.id LIMIT 5");
    query("all orders sorted by note, every so many",
          "SELECT id, note FROM (SELECT id, note, count(*) OVER () AS total,"
          " row_number() OVER (ORDER BY note DESC, id) AS place FROM purchase)"
          " WHERE place % (total / 5 + 1) = 1");
    query("text search",
          "SELECT count(*), min(note), max(length(note)) FROM purchase"
          " WHERE note LIKE '%gift%' AND note NOT LIKE '%bulk%' AND note GLOB '*ref [1-3]*'");
    query("weeks with the highest seven-week mean",
          "WITH weekly AS"
          " (SELECT day / 7 AS week, sum(quantity) AS pieces FROM purchase GROUP BY 1)"
          " SELECT week, pieces, round(avg(pieces) OVER"
          " (ORDER BY week ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING), 3) AS mean"
          " FROM weekly ORDER BY mean DESC, week LIMIT 3");
    query("primes by recursion",
          "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 600)"
          " SELECT count(*), max(i), group_concat(CASE WHEN i < 30 THEN i END) FROM n"
          " WHERE NOT EXISTS (SELECT 1 FROM n AS d WHERE d.i * d.i <= n.i AND n.i % d.i = 0)");
    query("pairs of customers who bought the same product on the same day",
          "SELECT count(*), sum(a.quantity * b.quantity) FROM purchase AS a"
          " JOIN purchase AS b"
          " ON a.product = b.product AND a.day = b.day AND a.customer < b.customer");
}

static void change_rows(void)
{
    run("BEGIN;"
        "UPDATE product SET cents = cents * 11 / 10 WHERE id % 3 = 0;"
        "DELETE FROM purchase WHERE note LIKE '%fragile%';"
        "INSERT INTO purchase"
        "  SELECT NULL, customer, product, (day + 1) % 365, quantity, upper(note)"
        "  FROM purchase WHERE day < 60;"
        "COMMIT;");
    query("after changes",
          "SELECT count(*), sum(quantity), count(DISTINCT note) FROM purchase");
    run("BEGIN; DELETE FROM purchase; ROLLBACK;");
    query("after a rollback", "SELECT count(*) FROM purchase");
    query("integrity", "PRAGMA integrity_check");
}

int main(int argc, char **argv)
{
    int orders = ORDERS_DEFAULT;
    if (argc > 1) {
        char *end;
        long number = strtol(argv[1], &end, 10);
        if (end == argv[1] || *end != '\0' || number < 1 || number > ORDERS_MAX) {
            fprintf(stderr, "the number of orders must be between 1 and %d\n", ORDERS_MAX);
            return EXIT_USAGE;
        }
        orders = (int)number;
    }
    if (sqlite3_open(":memory:", &database) != SQLITE_OK)
        fail("opening the database");
    query("ready", "SELECT 'SQLite ' || sqlite_version()");

    run("BEGIN");
    create_tables();
    fill_customers();
    fill_products();
    fill_purchases(orders);
    run("COMMIT");
    run("CREATE INDEX purchase_by_product ON purchase (product, day, customer)");
    run_queries();
    change_rows();
    sqlite3_close(database);
    return 0;
}
