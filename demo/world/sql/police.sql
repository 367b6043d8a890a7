-- Crime and incident system of the police. Wall clock of London, without zone. Names in upper case.
CREATE SCHEMA crimes;
CREATE TABLE crimes.nominal (
  nominal_ref varchar(12) PRIMARY KEY,
  full_name varchar(160) NOT NULL,
  dob date,
  pnc_id varchar(13),
  warning char(4),
  created timestamp NOT NULL
);
CREATE TABLE crimes.nominal_address (
  nominal_ref varchar(12) NOT NULL REFERENCES crimes.nominal,
  noted timestamp NOT NULL,
  addr varchar(140),
  pcode varchar(9),
  premises char(3) NOT NULL,
  PRIMARY KEY (nominal_ref, noted)
);
CREATE TABLE crimes.incident (
  incident_no varchar(16) PRIMARY KEY,
  code varchar(6) NOT NULL,
  occurred timestamp NOT NULL,
  created timestamp NOT NULL,
  grade smallint NOT NULL,
  domestic char(1) NOT NULL,
  log_text text
);
CREATE TABLE crimes.involvement (
  incident_no varchar(16) NOT NULL REFERENCES crimes.incident,
  nominal_ref varchar(12) NOT NULL REFERENCES crimes.nominal,
  role varchar(4) NOT NULL,
  PRIMARY KEY (incident_no, nominal_ref)
);
CREATE TABLE crimes.sightline_heartbeat (
  id integer PRIMARY KEY,
  beat_at timestamptz NOT NULL
);
