-- Children's case management of the council. Times carry their zone; days are London days.
CREATE SCHEMA carefile;
CREATE TABLE carefile.person (
  person_id varchar(12) PRIMARY KEY,
  forename varchar(60) NOT NULL,
  middle_names varchar(80),
  surname varchar(60) NOT NULL,
  date_of_birth date,
  dob_estimated boolean NOT NULL,
  nhs_number char(10),
  upn varchar(13),
  ethnic_group char(1),
  location_restricted boolean NOT NULL,
  is_unborn boolean NOT NULL,
  expected_on date,
  mother_id varchar(12),
  created_at timestamptz NOT NULL
);
CREATE TABLE carefile.person_address (
  person_id varchar(12) NOT NULL REFERENCES carefile.person,
  seq smallint NOT NULL,
  house varchar(40),
  street varchar(80),
  town varchar(40),
  postcode varchar(9),
  address_type varchar(8) NOT NULL,
  from_date date NOT NULL,
  to_date date,
  PRIMARY KEY (person_id, seq)
);
CREATE TABLE carefile.contact (
  contact_id varchar(12) PRIMARY KEY,
  person_id varchar(12) NOT NULL REFERENCES carefile.person,
  contacted_at timestamptz NOT NULL,
  source_code varchar(4) NOT NULL,
  decision varchar(4) NOT NULL,
  summary text,
  recorded_at timestamptz NOT NULL
);
CREATE TABLE carefile.assessment (
  assessment_id varchar(12) PRIMARY KEY,
  person_id varchar(12) NOT NULL REFERENCES carefile.person,
  referred_at timestamptz NOT NULL,
  completed_at timestamptz NOT NULL,
  outcome_code varchar(4) NOT NULL
);
CREATE TABLE carefile.plan_spell (
  person_id varchar(12) NOT NULL REFERENCES carefile.person,
  plan_type varchar(4) NOT NULL,
  start_date date NOT NULL,
  end_date date,
  PRIMARY KEY (person_id, plan_type, start_date)
);
CREATE TABLE carefile.allocation (
  person_id varchar(12) NOT NULL REFERENCES carefile.person,
  from_date date NOT NULL,
  team_code varchar(6) NOT NULL,
  status char(1) NOT NULL,
  to_date date,
  PRIMARY KEY (person_id, from_date)
);
CREATE TABLE carefile.intervention (
  intervention_id varchar(12) PRIMARY KEY,
  person_id varchar(12) NOT NULL REFERENCES carefile.person,
  service_code varchar(6) NOT NULL,
  held_at timestamptz NOT NULL,
  note text,
  recorded_at timestamptz NOT NULL
);
CREATE TABLE carefile.sightline_heartbeat (
  id integer PRIMARY KEY,
  beat_at timestamptz NOT NULL
);
