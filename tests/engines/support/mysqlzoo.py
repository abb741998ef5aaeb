"""One of everything that a server can hold, and what a dump says of it: to see that all of it comes back."""
import re

from . import place

DATABASES = ["zoo", "zoo-2"]
USERS = [("keeper", "localhost"), ("guest", "%")]
PASSWORD = "k33per's \\ secret"

CHARSETS = ["latin1", "utf8mb3", "utf8mb4", "cp1251", "sjis", "big5", "gbk", "koi8r", "ucs2", "utf16", "utf32", "binary", "ascii"]
WORDS = {"latin1": "käse €", "cp1251": "Привет", "sjis": "日本語", "big5": "中文", "gbk": "中文字", "koi8r": "Привет", "ascii": "plain"}


def make(server, rows=300):
    mariadb = server.flavour == "mariadb"
    run = server.execute
    run("SET GLOBAL sql_mode = ''", f"CREATE DATABASE `{DATABASES[1]}` CHARACTER SET latin1", f"CREATE DATABASE {DATABASES[0]} CHARACTER SET utf8mb4")
    inside = [
        # values
        "CREATE TABLE numbers (id INT PRIMARY KEY AUTO_INCREMENT, t TINYINT UNSIGNED, b BIGINT UNSIGNED, d DECIMAL(30,10), f FLOAT, g DOUBLE, bits BIT(64), one BIT(1),"
        " flag BOOL, y YEAR, KEY by_b (b), UNIQUE KEY u (t, id))",
        "INSERT INTO numbers (t,b,d,f,g,bits,one,flag,y) VALUES (255,18446744073709551615,-12345678901234567890.0123456789,1.1,0.1,b'1010',1,1,1999),"
        " (0,0,0,16777216.5,-2.2250738585072014e-308,18446744073709551615,0,NULL,0), (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL), (3,3,3,3.4028234e38,1.7976931348623157e308,0,b'1',0,2155)",
        "CREATE TABLE moments (id INT PRIMARY KEY, d DATE, t TIME(6), dt DATETIME(6), ts TIMESTAMP(6) NULL, zero TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00')",
        "INSERT INTO moments VALUES (1,'0000-00-00','-838:59:59.000000','0000-00-00 00:00:00','2026-03-29 01:30:00.123456','0000-00-00 00:00:00'),"
        " (2,'2026-02-30','838:59:59','9999-12-31 23:59:59.999999','1970-01-01 12:00:01','2038-01-19 03:14:07'), (3,'2026-00-00',NULL,'2026-10-25 01:30:00',NULL,'2026-10-25 02:30:00')",
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'", "INSERT INTO moments VALUES (4,'2024-02-31',NULL,'2023-02-29 10:00:00',NULL,'2024-01-01 00:00:00')", "SET SESSION sql_mode = ''",
        "CREATE TABLE bytes (id INT PRIMARY KEY, b BINARY(8), v VARBINARY(300), l LONGBLOB, tb TINYBLOB, tx LONGTEXT, e ENUM('a','b''c','ü'), s SET('x','y','z'))",
        "INSERT INTO bytes VALUES (1, X'0001090A0D1A5C27', X'000102030405060708090A0B0C0D0E0F5C275C4E00FF', REPEAT(X'00FF5C0A09271A0D', 40000), '', 'line\\nline\\ttab\\\\back''quote', 'b''c', 'x,z'),"
        " (2, '', '', '', NULL, '', 'ü', ''), (3, NULL, NULL, NULL, '\\\\N', '\\\\N', NULL, NULL)",
        "CREATE TABLE shapes (id INT PRIMARY KEY, g GEOMETRY NOT NULL, p POINT, SPATIAL KEY (g))" if mariadb else
        "CREATE TABLE shapes (id INT PRIMARY KEY, g GEOMETRY NOT NULL SRID 0, p POINT, SPATIAL KEY (g))",
        "INSERT INTO shapes VALUES (1, ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('POINT(3 4)')), (2, ST_GeomFromText('POLYGON((0 0,0 5,5 5,0 0))'), NULL)",
        "CREATE TABLE papers (id INT PRIMARY KEY, j JSON, txt TEXT, FULLTEXT KEY words (txt))",
        "INSERT INTO papers VALUES (1, '{\"a\": [1, 2.5, \"ü€\\\\n\"], \"b\": null}', 'quick brown fox'), (2, '[]', 'lazy dog'), (3, NULL, NULL)",
        # generated, invisible and checked columns
        "CREATE TABLE derived (id INT PRIMARY KEY, a INT, v INT AS (a * 2) VIRTUAL, s VARCHAR(40) AS (CONCAT('n', a)) STORED, KEY by_v (v), KEY by_s (s), CONSTRAINT positive CHECK (a > 0))",
        "INSERT INTO derived (id, a) VALUES (1, 10), (2, 20)",
        "CREATE TABLE hidden (id INT PRIMARY KEY, shown INT, secret INT INVISIBLE DEFAULT 7)",
        "INSERT INTO hidden (id, shown, secret) VALUES (1, 1, 99)",
        # keys between tables, in a circle too; no key at all; names that hurt
        "CREATE TABLE parents (id INT PRIMARY KEY, favourite INT)",
        "CREATE TABLE children (id INT PRIMARY KEY, parent INT, CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE)",
        "INSERT INTO parents VALUES (1, NULL), (2, NULL)", "INSERT INTO children VALUES (10, 1), (11, 2)",
        "ALTER TABLE parents ADD CONSTRAINT likes FOREIGN KEY (favourite) REFERENCES children (id)", "UPDATE parents SET favourite = 10",
        "CREATE TABLE bare (a INT, b VARCHAR(10))", "INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (NULL, NULL)",
        "CREATE TABLE `we``ird/na.me %` (`i d` INT PRIMARY KEY, `se``l\"ect` VARCHAR(20) DEFAULT 'a,b)c''d\\\\' COMMENT 'KEY `x` (`y`), FOREIGN KEY')",
        "INSERT INTO `we``ird/na.me %` VALUES (1, 'x'), (2, DEFAULT)",
        "CREATE TABLE parted (id INT, part INT, PRIMARY KEY (id, part)) PARTITION BY RANGE (part) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "INSERT INTO parted VALUES (1, 1), (2, 100)",
        "CREATE TABLE zeros (id INT PRIMARY KEY AUTO_INCREMENT, n INT)", "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "INSERT INTO zeros VALUES (0, 5), (7, 6)", "SET SESSION sql_mode = ''",
        # code
        "CREATE VIEW b_view AS SELECT id, a FROM derived", "CREATE VIEW a_view AS SELECT id FROM b_view WHERE a > 5",
        "CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
        "CREATE PROCEDURE note_it(IN what VARCHAR(100)) COMMENT 'ü' BEGIN DECLARE n INT DEFAULT 1; IF what = ';;' THEN SET n = 2; END IF; INSERT INTO notes (what) VALUES (CONCAT(what, ';', n)); END",
        "CREATE TABLE notes (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(200))",
        "CREATE TRIGGER second_one BEFORE INSERT ON notes FOR EACH ROW SET NEW.what = CONCAT(NEW.what, '1')",
        "CREATE TRIGGER first_one BEFORE INSERT ON notes FOR EACH ROW FOLLOWS second_one SET NEW.what = CONCAT(NEW.what, '2')",
        "CREATE EVENT sometime ON SCHEDULE EVERY 10 YEAR STARTS '2035-01-01 00:00:00' DISABLE DO INSERT INTO notes (what) VALUES ('ev;ent')",
        "INSERT INTO notes (what) VALUES ('first')",
    ]
    for charset in CHARSETS:
        word = WORDS.get(charset, "grüße 中 Привет")
        inside.append(f"CREATE TABLE cs_{charset} (id INT PRIMARY KEY, c VARCHAR(50) CHARACTER SET {charset}, t TEXT CHARACTER SET {charset})" if charset != "binary" else
                      "CREATE TABLE cs_binary (id INT PRIMARY KEY, c VARBINARY(50), t BLOB)")
        inside.append(f"INSERT INTO cs_{charset} VALUES (1, '{word}', '{word * 5}'), (2, '', NULL), (3, 'a\\tb\\nc\\\\d', 'x')")
    if mariadb:
        inside += ["CREATE SEQUENCE tickets START WITH 5 INCREMENT BY 3", "SELECT NEXTVAL(tickets)", "SELECT NEXTVAL(tickets)",
                   "CREATE TABLE odd (id INT PRIMARY KEY, ip INET6, u UUID)", "INSERT INTO odd VALUES (1, '2001:db8::ff00:42:8329', '123e4567-e89b-12d3-a456-426655440000')"]
    inside += ["CREATE TABLE many (id BIGINT PRIMARY KEY AUTO_INCREMENT, k INT, pad VARCHAR(200), KEY by_k (k))"]
    for first in range(0, rows, 100):
        values = ",".join(f"({n * 7 % 1000}, REPEAT(CHAR(97 + {n % 26}), {20 + n % 150}))" for n in range(first, min(rows, first + 100)))
        inside.append(f"INSERT INTO many (k, pad) VALUES {values}")
    run(*inside, database="zoo")
    run("CREATE TABLE t (id INT PRIMARY KEY, w VARCHAR(20))", "INSERT INTO t VALUES (1, 'ü')", database=DATABASES[1])
    quoted = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    run(f"CREATE USER 'keeper'@'localhost' IDENTIFIED BY '{quoted}'", "GRANT SELECT, INSERT ON zoo.* TO 'keeper'@'localhost'", "GRANT EXECUTE ON PROCEDURE zoo.note_it TO 'keeper'@'localhost'",
        "CREATE USER 'guest'@'%' IDENTIFIED BY 'guest' WITH MAX_QUERIES_PER_HOUR 77", "GRANT SELECT (id) ON zoo.numbers TO 'guest'@'%'",
        "CREATE ROLE feeder", "GRANT UPDATE ON zoo.many TO feeder", "GRANT feeder TO 'keeper'@'localhost'",
        # Its name comes behind that of the account whose default it is.
        "CREATE ROLE zoologist", "GRANT SELECT ON `zoo-2`.* TO zoologist", "GRANT zoologist TO 'keeper'@'localhost'",
        f"SET DEFAULT ROLE zoologist {'FOR' if mariadb else 'TO'} 'keeper'@'localhost'")
    return server


def dump(server, databases=None, user="root"):
    """All of it as text; what differs from server to server is taken out."""
    command = [server.program("dump"), "--no-defaults", f"--socket={server.socket}", f"--user={user}", "--single-transaction", "--routines", "--events", "--triggers", "--hex-blob",
               "--skip-dump-date", "--skip-extended-insert", "--order-by-primary", "--tz-utc", "--databases", *(databases or DATABASES)]
    if server.flavour == "mysql":
        command.append("--set-gtid-purged=OFF")
    text = place.run(command, timeout=300).stdout
    text = re.sub(r" AUTO_INCREMENT=\d+", "", text)
    return "\n".join(line for line in text.splitlines() if not line.startswith(("-- ", "/*M!999999")))


def accounts(server):
    told = []
    for user, host in USERS:
        told.append(server.value(f"SHOW CREATE USER '{user}'@'{host}'"))
        told += sorted(row[0] for row in server.rows(f"SHOW GRANTS FOR '{user}'@'{host}'"))
    return told


def log_in(server):
    """The keeper's password, rights and role work."""
    import contextlib
    with contextlib.closing(server.connect(user="keeper", password=PASSWORD, database="zoo")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM numbers")
        assert cursor.fetchone()[0] == 4
        cursor.execute("CALL note_it('keeper')")
        cursor.execute("SELECT COUNT(*) FROM `zoo-2`.t")
        assert cursor.fetchone()[0] == 1
