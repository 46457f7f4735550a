/** The types of service files, which the program has inside as text. */
declare module "*.service" {
  const text: string;
  export default text;
}
declare module "*.rules" {
  const text: string;
  export default text;
}
declare module "*.conf" {
  const text: string;
  export default text;
}
declare module "*/negotiator-host" {
  const text: string;
  export default text;
}
declare module "*/negotiator-guest" {
  const text: string;
  export default text;
}
